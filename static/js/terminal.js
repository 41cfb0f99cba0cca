// A machine that many use: without a touch for a while the visit is forgotten, whatever stands on the screen.
const WARN = 15;
const { idle, leave } = document.body.dataset;
const limit = Number(idle);
const soon = document.querySelector("[data-soon]");
let touched = Date.now();

function forget() {
  for (const form of document.forms) form.reset();
  for (const box of document.querySelectorAll("input:not([type=hidden]), textarea")) box.value = "";
  try {
    sessionStorage.clear();
    localStorage.clear();
  } catch {
    // A browser that keeps nothing has nothing to forget.
  }
  location.replace(leave);
}

if (limit) {
  for (const kind of ["pointerdown", "keydown", "input", "scroll"]) {
    addEventListener(kind, () => { touched = Date.now(); soon.hidden = true; }, { passive: true });
  }
  setInterval(() => {
    const left = limit - (Date.now() - touched) / 1000;
    if (left <= 0) forget();
    else soon.hidden = left > WARN;
  }, 1000);
}
// The way back shows a page as it was left: it is fetched anew instead, and is empty.
addEventListener("pageshow", (event) => { if (event.persisted) forget(); });
