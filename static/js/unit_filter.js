// A long list of units, narrowed to those of one of the four town platforms; without script the list names them.
import { fresh } from "./fresh.js";

export function startUnitFilters() {
  for (const list of document.querySelectorAll("select[data-platform-filter]")) if (fresh(list)) narrow(list);
}

function narrow(list) {
  const all = [...list.options];
  const served = (option) => (option.dataset.platforms || "").split("|").filter(Boolean);
  const names = [...new Set(all.flatMap(served))];
  const row = document.createElement("div");
  row.className = "unit-filter";
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", list.dataset.platformFilter);
  for (const name of [list.dataset.all, ...names]) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-sm";
    button.textContent = name;
    button.setAttribute("aria-pressed", String(name === list.dataset.all));
    button.addEventListener("click", () => {
      const chosen = list.value;
      const shown = all.filter((option) => name === list.dataset.all || !option.value || served(option).includes(name));
      list.replaceChildren(...shown);
      // What was chosen stays chosen where it is still offered.
      list.value = shown.some((option) => option.value === chosen) ? chosen : "";
      for (const other of row.children) other.setAttribute("aria-pressed", String(other === button));
    });
    row.append(button);
  }
  list.before(row);
}
