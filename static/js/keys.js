// j and k walk the list, Enter opens, a presses the next action, x picks, / goes to the search box.
const TYPING = "input, textarea, select, [contenteditable], dialog[open] *";

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (pressFunctionKey(event)) return;
    if (event.target.matches(TYPING) && event.target.type !== "checkbox") {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "/") {
      const box = document.querySelector("[data-search]");
      if (box) {
        event.preventDefault();
        box.focus();
        box.select();
      }
      return;
    }
    walk(event);
  });
}

// Counter buttons show their function key; the key presses exactly that button, also while typing.
function pressFunctionKey(event) {
  if (!/^F\d{1,2}$/.test(event.key)) return false;
  const button = document.querySelector(`[data-key="${event.key}"]`);
  if (!button) return false;
  event.preventDefault();
  button.click();
  return true;
}

function walk(event) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const current = document.querySelector("[data-row].is-current");
  const index = rows.indexOf(current);
  if (event.key === "j") go(rows, current, Math.min(index + 1, rows.length - 1));
  else if (event.key === "k") go(rows, current, Math.max(index - 1, 0));
  else if (!current) return;
  else if (event.key === "Enter" && !event.target.closest("a, button, summary")) press(current, "[data-open]");
  else if (event.key === "a") press(current, "[data-action]");
  else if (event.key === "x") press(current, "[data-pick]");
  else return;
  event.preventDefault();
}

function go(rows, current, index) {
  if (current) current.classList.remove("is-current");
  const row = rows[index];
  row.classList.add("is-current");
  const open = row.querySelector("[data-open]");
  if (open) open.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function press(row, selector) {
  const target = row.querySelector(selector);
  if (target) target.click();
}
