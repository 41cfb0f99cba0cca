// The box a scanner types into, and the camera of a phone. Without this file the form sends each code by itself.
import { fresh } from "./fresh.js";
import { cameraInto } from "./camera.js";

const LONGEST = 300;
const KEPT = "daiban:scan";

for (const form of document.querySelectorAll("[data-scan]")) if (fresh(form)) start(form);

function start(form) {
  const input = form.querySelector("[data-scan-input]");
  const said = form.querySelector("[data-scan-said]");
  const rows = form.querySelector("[data-scan-rows]");
  const look = form.dataset.look;
  let waiting = Promise.resolve();

  const say = (text, tone = "") => {
    said.textContent = text;
    said.className = `scan-said${tone ? ` is-${tone}` : ""}`;
  };
  const word = (name, code = "") => (form.dataset[`words${name}`] || "").replace("{code}", code);

  if (look) {
    // One code after the other, in the order they were scanned: a scanner is faster than the line.
    const add = (code, fromStore = false) => {
      waiting = waiting.then(() => one(code, fromStore));
      return waiting;
    };
    form.addEventListener("submit", (event) => {
      const adding = !event.submitter || event.submitter.matches("[data-scan-add]");
      if (!adding && !input.value.trim()) return;
      // Enter inside the box ends a code; it never signs for anything.
      event.preventDefault();
      const code = input.value;
      input.value = "";
      input.focus();
      if (code.trim()) add(code);
    });
    rows.addEventListener("click", (event) => {
      const drop = event.target.closest("[data-scan-drop]");
      if (!drop) return;
      drop.closest("[data-scan-row]").remove();
      settle();
      input.focus();
    });
    for (const drop of rows.querySelectorAll("[data-scan-drop]")) drop.hidden = false;
    if (document.querySelector("[data-scan-result]") || rows.children.length) settle();
    else for (const code of kept()) add(code, true);
    startCamera(form, say, word, add);

    const one = async (raw, fromStore) => {
      const code = raw.trim();
      if (code.length > LONGEST) return say(word("Long"), "bad");
      if (rows.children.length >= Number(form.dataset.most)) return say(word("Full"), "bad");
      const body = new FormData();
      body.set("code", code);
      const token = form.querySelector("[name=csrf_token]");
      if (token) body.set("csrf_token", token.value);
      let answer;
      try {
        answer = await fetch(look, { method: "POST", body, redirect: "manual", headers: { "X-Requested-With": "scan" } });
      } catch (lineDown) {
        input.value = code;
        return say(word("Offline"), "bad");
      }
      // A lost session or an error is shown as its whole page, not as a hole in this one.
      if (!answer.ok) return location.reload();
      const row = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-scan-row]");
      if (!row) return location.reload();
      const there = [...rows.children].find((other) => other.dataset.key === row.dataset.key);
      const shown = row.querySelector(".scan-row__no").textContent;
      if (there) {
        for (const other of rows.querySelectorAll(".is-again")) other.classList.remove("is-again");
        there.classList.add("is-again");
        there.scrollIntoView({ block: "nearest" });
        return say(word("Twice", shown), "bad");
      }
      row.querySelector("[data-scan-drop]").hidden = false;
      if (fromStore) rows.append(row);
      else rows.prepend(row);
      settle();
      if (row.dataset.verdict === "ready") say(word("Added", shown), "good");
      else say(word("Refused", shown), "bad");
    };
  } else {
    // A run: each code is a step of its own; the answer is the page, of which the list and the word are taken over.
    const send = (code) => {
      waiting = waiting.then(() => each(code));
      return waiting;
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const code = input.value.trim();
      input.value = "";
      input.focus();
      if (code) send(code);
    });
    startCamera(form, say, word, send);

    const each = async (code) => {
      if (code.length > LONGEST) return say(word("Long"), "bad");
      const body = new FormData(form);
      body.set("code", code);
      body.delete("_once");
      let answer;
      try {
        answer = await fetch(location.href, { method: "POST", body });
      } catch (lineDown) {
        input.value = code;
        return say(word("Offline"), "bad");
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // The run may have gone on without us (arrived, taken away): then its whole page is shown.
      if (!page.querySelector("[data-each]")) return location.reload();
      for (const part of document.querySelectorAll("[data-run-part]")) {
        const fresh = page.querySelector(`[data-run-part="${part.dataset.runPart}"]`);
        if (fresh) part.replaceWith(document.importNode(fresh, true));
      }
      const trouble = page.querySelector("[data-error-summary]");
      const good = page.querySelector("[data-flash]");
      say((trouble || good || said).textContent.trim(), trouble ? "bad" : "good");
    };
  }

  function settle() {
    const ready = rows.querySelector("[data-verdict=ready]");
    form.querySelector("[data-scan-empty]").hidden = rows.children.length > 0;
    form.querySelector("[data-scan-do]").hidden = !ready;
    const picked = form.querySelector("[data-picked]");
    if (picked) picked.textContent = rows.querySelectorAll("[data-pick]:checked").length;
    keep([...rows.querySelectorAll("[data-verdict=ready] [name=codes]")].map((field) => field.value));
  }
}

// The pile survives a look at the counting page; another person at the same counter does not find it.
function owner() {
  return document.documentElement.dataset.user || "";
}

function keep(codes) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ of: owner(), codes }));
  } catch (full) {
    // A browser that keeps nothing only loses the pile when the page is left.
  }
}

function kept() {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEPT) || "{}");
    return found.of === owner() && Array.isArray(found.codes) ? found.codes.map(String) : [];
  } catch (spoilt) {
    return [];
  }
}

function startCamera(form, say, word, add) {
  const button = form.querySelector("[data-camera-start]");
  const box = form.querySelector("[data-camera]");
  if (!button || !box) return;
  button.hidden = false;
  let stop = null;
  const off = () => {
    if (stop) stop();
    stop = null;
    box.hidden = true;
    button.setAttribute("aria-pressed", "false");
  };
  button.addEventListener("click", async () => {
    if (stop) {
      off();
      return say("");
    }
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) return say(word("Insecure"), "bad");
    button.setAttribute("aria-pressed", "true");
    box.hidden = false;
    try {
      stop = await cameraInto(box.querySelector("video"), (code) => {
        if (navigator.vibrate) navigator.vibrate(60);
        add(code);
      });
      say(word("Looking"));
    } catch (refused) {
      off();
      const why = { NotAllowedError: "Denied", SecurityError: "Denied", NotFoundError: "Missing", OverconstrainedError: "Missing" };
      say(word(why[refused.name] || "Busy"), "bad");
    }
  });
  window.addEventListener("pagehide", off);
}
