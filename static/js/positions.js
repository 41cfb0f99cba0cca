// The drawing of a street: whichever place has a box with the cursor in it gets its two numbers from a click.
import { fresh } from "./fresh.js";

export function startPositions() {
  for (const map of document.querySelectorAll("[data-positions]")) if (fresh(map)) watch(map);
}

function watch(map) {
  const say = document.querySelector("[data-positions-say]");
  const perUnit = Number(map.dataset.metres);
  let chosen = null;
  const box = (id, axis) => document.getElementById(`${axis}_${id}`);
  const spot = (id) => map.querySelector(`[data-spot="${CSS.escape(id)}"]`);

  function choose(id) {
    chosen = id;
    for (const one of map.querySelectorAll(".is-chosen")) one.classList.remove("is-chosen");
    const found = spot(id);
    found.classList.add("is-chosen");
    say.textContent = say.dataset.chosen.replace("{name}", found.querySelector("title").textContent);
  }

  function place(id) {
    const x = Number(box(id, "x").value), y = Number(box(id, "y").value);
    if (!box(id, "x").value || !box(id, "y").value || !Number.isFinite(x + y)) return;
    const found = spot(id), label = map.querySelector(`[data-label="${CSS.escape(id)}"]`);
    found.setAttribute("cx", Math.round(x / perUnit));
    found.setAttribute("cy", Math.round(y / perUnit));
    found.classList.remove("is-drawn");
    if (label) {
      label.setAttribute("x", x / perUnit + 12);
      label.setAttribute("y", y / perUnit + 5);
    }
  }

  for (const input of document.querySelectorAll("[data-place]")) {
    input.addEventListener("focus", () => choose(input.dataset.place));
    input.addEventListener("input", () => place(input.dataset.place));
  }
  map.addEventListener("click", (event) => {
    if (!chosen) return;
    const seen = map.getBoundingClientRect(), size = map.viewBox.baseVal;
    const metres = (part, whole, wide) => Math.max(0, Math.round((part / whole) * wide * perUnit));
    box(chosen, "x").value = metres(event.clientX - seen.left, seen.width, size.width);
    box(chosen, "y").value = metres(event.clientY - seen.top, seen.height, size.height);
    box(chosen, "y").dispatchEvent(new Event("input", { bubbles: true }));
  });
  map.dataset.ready = "";
}
