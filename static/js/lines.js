// A lines editor: rows are added and dropped here; without this file the server shows one blank row each time.
import { fresh } from "./fresh.js";

export function startLines() {
  for (const box of document.querySelectorAll("[data-lines]")) if (fresh(box)) start(box);
}

function start(box) {
  const body = box.querySelector("tbody");
  const blank = box.querySelector("template");
  const add = box.querySelector("[data-lines-add]");
  add.hidden = false;
  add.addEventListener("click", () => {
    const row = append(body, blank);
    row.querySelector("input:not([type=hidden]), select, textarea").focus();
  });
  body.addEventListener("click", (event) => {
    const drop = event.target.closest("[data-lines-drop]");
    if (!drop) return;
    event.preventDefault();
    const row = drop.closest("tr");
    const next = row.nextElementSibling || row.previousElementSibling;
    row.remove();
    if (!body.rows.length) append(body, blank);
    renumber(body);
    const target = next && next.isConnected ? next.querySelector("[data-lines-drop]") : add;
    (target || add).focus();
    box.dispatchEvent(new Event("change", { bubbles: true }));
  });
  const form = box.closest("form");
  if (form) form.addEventListener("daiban:restore", (event) => grow(body, blank, box.dataset.lines, event.detail));
}

function append(body, blank) {
  const row = blank.content.cloneNode(true).querySelector("tr");
  body.append(row);
  renumber(body);
  return row;
}

function renumber(body) {
  [...body.rows].forEach((row, index) => {
    row.querySelector("[data-lines-no]").textContent = index + 1;
    for (const field of row.querySelectorAll("[data-part]")) {
      const name = `${body.parentElement.dataset.name}-${index}-${field.dataset.part}`;
      field.name = name;
      field.id = name;
    }
  });
}

// A draft with more rows than the server rendered gets its rows before its values.
function grow(body, blank, name, saved) {
  const start = `${name}-`;
  const rows = Object.keys(saved)
    .filter((key) => key.startsWith(start))
    .map((key) => Number.parseInt(key.slice(start.length), 10));
  const wanted = Math.max(0, ...rows) + 1;
  while (body.rows.length < wanted) append(body, blank);
}
