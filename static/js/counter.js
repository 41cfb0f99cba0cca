// 综合受理: the ID number and the item bring in what is known and what is needed; everything also works without this file.
const form = document.querySelector("form[data-counter]");
const WHOLE = 18;
let running = 0;

function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

// One request for the parts that change; files stay out of it, and so does the key that makes the real submit single.
async function look(names) {
  const turn = ++running;
  const body = new FormData(form);
  for (const [name, value] of [...body.entries()]) if (value instanceof File || name === "_once") body.delete(name);
  const wanted = names.includes("person") ? `${form.dataset.look}?person=1` : form.dataset.look;
  let answer;
  try {
    answer = await fetch(wanted, { method: "POST", body, headers: { "X-Fragment": "1" }, credentials: "same-origin" });
  } catch (offline) {
    return;
  }
  if (!answer.ok || turn !== running) return;
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const name of names) {
    const fresh = part(parsed, name);
    const old = part(form, name);
    if (!fresh || !old) continue;
    const typed = valuesIn(old);
    old.replaceWith(document.importNode(fresh, true));
    refill(part(form, name), typed);
  }
  afterLook(names);
}

function valuesIn(root) {
  const found = new Map();
  for (const field of root.querySelectorAll("input, select, textarea")) {
    if (field.type === "file" || field.type === "hidden") continue;
    found.set(field.name, field.type === "checkbox" ? field.checked : field.value);
  }
  return found;
}

function refill(root, values) {
  for (const field of root.querySelectorAll("input, select, textarea")) {
    if (!values.has(field.name) || field.type === "file") continue;
    if (field.type === "checkbox") field.checked = values.get(field.name);
    else if (values.get(field.name)) field.value = values.get(field.name);
  }
}

function afterLook(names) {
  const known = part(form, "person");
  const name = form.elements.applicant_name;
  if (names.includes("person") && known.dataset.name && !name.value) {
    name.value = known.dataset.name;
    name.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const matter = part(form, "matter");
  const chosen = form.querySelector("[data-chosen]");
  if (matter.dataset.itemName) chosen.textContent = matter.dataset.itemName;
  count();
}

function count() {
  const slots = [...form.querySelectorAll("[data-slot]")];
  const line = form.querySelector("[data-slot-count]");
  const have = slots.filter((box) => box.checked).length;
  line.textContent = slots.length ? line.dataset.words.replace("{have}", have).replace("{all}", slots.length) : "";
}

function watchIdNumber() {
  const box = form.elements.applicant_id_number;
  let last = box.value.replace(/\s/g, "");
  box.addEventListener("input", () => {
    const now = box.value.replace(/\s/g, "");
    if (now === last) return;
    last = now;
    if (now.length === WHOLE) look(["person", "matter"]);
    else part(form, "person").replaceChildren();
  });
  box.addEventListener("change", () => {
    if (last && last.length !== WHOLE) look(["person"]);
  });
  // Readers of ID cards type the number and press Enter; that must not send the form.
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    form.elements.applicant_name.focus();
  });
  form.querySelector("[data-look-now]").addEventListener("click", (event) => {
    event.preventDefault();
    if (last.length === WHOLE) look(["person", "matter"]);
    box.focus();
    box.select();
  });
}

function watchItems() {
  const chooser = form.querySelector("[data-chooser]");
  const filter = form.querySelector("[data-filter]");
  const show = () => {
    const words = filter.value.trim().toLowerCase();
    let any = false;
    for (const group of form.querySelectorAll("[data-group]")) {
      let some = false;
      for (const item of group.querySelectorAll("[data-words]")) {
        item.hidden = !item.dataset.words.includes(words);
        some ||= !item.hidden;
      }
      group.hidden = !some;
      any ||= some;
    }
    form.querySelector("[data-no-item]").hidden = any;
  };
  const take = () => {
    chooser.open = false;
    return look(["matter", "materials"]);
  };
  filter.addEventListener("input", show);
  filter.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const first = form.querySelector("[data-group]:not([hidden]) [data-words]:not([hidden]) input");
    if (!first) return;
    first.focus();
    if (event.key !== "Enter") return;
    first.checked = true;
    first.dispatchEvent(new Event("change", { bubbles: true }));
    take().then(firstQuestion);
  });
  // Arrow keys walk the radios without choosing for good; a click or Enter takes the item.
  chooser.addEventListener("click", (event) => {
    if (event.target.matches('input[name="item"]') && event.detail > 0) take();
  });
  chooser.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches('input[name="item"]')) return;
    event.preventDefault();
    take();
  });
  chooser.addEventListener("change", (event) => {
    if (event.target.matches('input[name="item"]') && !chooser.open) look(["matter", "materials"]);
  });
  form.querySelector("[data-choose]").addEventListener("click", () => {
    chooser.open = true;
    filter.focus();
    filter.select();
  });
}

function firstQuestion() {
  const next = part(form, "matter").querySelector("input, select, textarea") || form.querySelector("[data-slot]");
  if (next) next.focus();
}

function watchMaterials() {
  form.querySelector("[data-slots]").addEventListener("click", () => {
    const boxes = [...form.querySelectorAll("[data-slot]")];
    const next = boxes.find((box) => !box.checked) || boxes[0];
    if (next) next.focus();
  });
  form.addEventListener("change", (event) => {
    if (event.target.type === "file") {
      const label = event.target.closest(".slot__file");
      label.classList.toggle("has-file", event.target.files.length > 0);
      label.querySelector("[data-file-words]").textContent = [...event.target.files].map((file) => file.name).join("、").slice(0, 24);
      const tick = event.target.closest(".slot").querySelector("[data-slot]");
      if (event.target.files.length) tick.checked = true;
    }
    count();
  });
}

// A draft brings back ID number and item before their questions are on the page; fetch those, then fill them.
async function catchUp() {
  const chosen = form.querySelector('input[name="item"]:checked');
  if (!chosen || part(form, "matter").dataset.item === chosen.value) return;
  form.querySelector("[data-chooser]").open = false;
  await look(["person", "matter", "materials"]);
  const kept = localStorage.getItem(`daiban-draft:${document.documentElement.dataset.user || ""}:${form.dataset.draft}`);
  if (!kept) return;
  const { values } = JSON.parse(kept);
  for (const name of ["matter", "materials"]) {
    for (const field of part(form, name).querySelectorAll("input, select, textarea")) {
      const key = field.type === "checkbox" ? `${field.name}=${field.value}` : field.name;
      if (!(key in values) || field.type === "file" || field.type === "hidden") continue;
      if (field.type === "checkbox") field.checked = values[key];
      else field.value = values[key];
    }
  }
  count();
}

if (form) {
  document.documentElement.classList.add("has-script");
  watchIdNumber();
  watchItems();
  watchMaterials();
  count();
  catchUp();
}
