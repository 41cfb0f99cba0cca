// 综合受理: the ID number and the item bring in what is known and what is needed; everything also works without this file.
import { drawn, whenResting } from "./later.js";
import { redraw } from "./redraw.js";
import { dropOldScans, dropScans, keepScans, putScansBack } from "./scans.js";

const form = document.querySelector("form[data-counter]");
const WHOLE = 18;
let running = 0;
// What was asked for and is not drawn yet: a later question asks for it as well.
const owed = new Set();

function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

// One request for the parts that change; files stay out of it, and so does the key that makes the real submit single.
async function look(names, where = form.dataset.look) {
  const turn = ++running;
  for (const name of names) owed.add(name);
  const wanted = owed.has("person") ? `${where}?person=1` : where;
  // First the key that asked is drawn, then each part by itself: no key waits for all of them.
  await drawn();
  const sent = typed();
  let answer;
  try {
    answer = await fetch(wanted, { method: "POST", body: sent, headers: { "X-Fragment": "1" }, credentials: "same-origin" });
  } catch (offline) {
    return;
  }
  if (!answer.ok || answer.redirected || turn !== running) return;
  const text = await answer.text();
  const all = [...owed];
  for (const came of text.split(/(?=<div data-part=")/)) {
    const name = (came.match(/^<div data-part="(\w+)"/) || [])[1];
    if (!owed.has(name)) continue;
    await drawn();
    if (turn !== running) return;
    const fresh = part(new DOMParser().parseFromString(came, "text/html"), name);
    if (fresh && part(form, name)) redraw(part(form, name), fresh, sent);
    owed.delete(name);
  }
  afterLook(all);
  putScansBack(form);
}

function typed() {
  const body = new FormData(form);
  for (const [name, value] of [...body.entries()]) if (value instanceof File || name === "_once") body.delete(name);
  return body;
}

// Saved at the server while somebody types: the browser may die, the session may end, the power may go.
const PAUSE = 700;
let saving = false;
let again = false;
const saveSoon = whenResting(() => save(), PAUSE);

async function save(leaving = false) {
  if (saving && !leaving) {
    again = true;
    return;
  }
  saving = true;
  const body = typed();
  form.dispatchEvent(new CustomEvent("daiban:sending"));
  let kept = null;
  try {
    const answer = await fetch(form.dataset.keep, { method: "POST", body, credentials: "same-origin", keepalive: leaving === true });
    if (answer.ok && !answer.redirected) kept = await answer.json();
  } catch (offline) {
    kept = null;
  }
  saving = false;
  tellKept(kept);
  if (again) {
    again = false;
    saveSoon();
  }
}

function tellKept(kept) {
  const line = form.querySelector("[data-kept]");
  line.hidden = false;
  line.classList.toggle("tone-late", !kept);
  line.textContent = kept ? line.dataset.keptWords.replace("{when}", kept.saved) : line.dataset.lostWords;
  if (!kept) return;
  const first = form.dataset.draft === "counter";
  form.dispatchEvent(new CustomEvent("daiban:kept", { detail: `counter-${kept.visit}` }));
  if (first) history.replaceState(null, "", `${form.dataset.here}?visit=${encodeURIComponent(kept.visit)}`);
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
  chosen.textContent = matter.dataset.itemName || chosen.dataset.none;
  countSoon();
  if (part(form, "materials").hasAttribute("data-asking")) setTimeout(() => look(["materials"]), 1500);
}

function count() {
  const slots = [...form.querySelectorAll("[data-slot]")];
  const line = form.querySelector("[data-slot-count]");
  const have = slots.filter((box) => box.checked || box.closest(".slot").querySelector("[data-take]:checked")).length;
  line.textContent = slots.length ? line.dataset.words.replace("{have}", have).replace("{all}", slots.length) : "";
}

const countSoon = whenResting(count, 30);

function watchIdNumber() {
  const box = form.elements.applicant_id_number;
  let last = box.value.replace(/\s/g, "");
  box.addEventListener("input", () => {
    const now = box.value.replace(/\s/g, "");
    if (now === last) return;
    last = now;
    if (now.length === WHOLE) look(["person", "matter", "materials"]);
    else if (part(form, "person").firstChild) part(form, "person").replaceChildren();
  });
  box.addEventListener("change", () => {
    if (last && last.length !== WHOLE) look(["person"]);
  });
  // Somebody new: whether the same name is known under another number.
  form.elements.applicant_name.addEventListener("change", () => {
    if (last.length === WHOLE && !part(form, "person").querySelector(".known--found")) look(["person"]);
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
    filter.value = "";
    show();
    take().then(firstQuestion);
  });
  // Every tick adds a matter or takes it away; Enter on one closes the list.
  chooser.addEventListener("change", (event) => {
    if (event.target.matches('input[name="item"]') && document.activeElement !== filter) look(["matter", "materials"]);
  });
  chooser.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches('input[name="item"]')) return;
    event.preventDefault();
    event.target.checked = true;
    take().then(firstQuestion);
  });
  form.addEventListener("click", (event) => {
    const remove = event.target.closest("[data-remove]");
    if (!remove) return;
    form.querySelector(`input[name="item"][value="${CSS.escape(remove.dataset.remove)}"]`).checked = false;
    form.dispatchEvent(new Event("input", { bubbles: true }));
    look(["matter", "materials"]);
  });
  form.querySelector("[data-choose]").addEventListener("click", () => {
    chooser.open = true;
    filter.focus();
    filter.select();
  });
}

// The first box that is still empty: with a second matter chosen the answered ones are not walked through again.
function firstQuestion() {
  const boxes = [...part(form, "matter").querySelectorAll(".intake input:not([type=hidden]), .intake select, .intake textarea")];
  const next = boxes.find((box) => !box.value) || form.querySelector("[data-slot]");
  if (next) next.focus();
}

function nameFiles(field) {
  const label = field.closest(".slot__file");
  label.classList.toggle("has-file", field.files.length > 0);
  label.querySelector("[data-file-words]").textContent = [...field.files].map((file) => file.name).join("、").slice(0, 24);
  if (field.files.length) field.closest(".slot").querySelector("[data-slot]").checked = true;
}

function nextSlot(slot) {
  for (let at = slot; at; at = at.nextElementSibling) {
    const box = at.querySelector("[data-slot]");
    if (box && !box.checked && !at.querySelector("[data-take]:checked")) return box;
  }
  return null;
}

function watchMaterials() {
  form.querySelector("[data-slots]").addEventListener("click", () => {
    // From one to the next; what lies here already is passed over.
    const first = form.querySelector("[data-slot]");
    const here = document.activeElement.closest(".slot");
    let next = here && nextSlot(here.nextElementSibling);
    if (!next && first) next = nextSlot(first.closest(".slot")) || first;
    if (next) next.focus();
  });
  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-take-all]")) {
      const consent = form.elements.consent;
      if (consent) consent.checked = true;
      for (const box of form.querySelectorAll("[data-take]")) box.checked = box.value.startsWith("record:") || box.checked;
      form.dispatchEvent(new Event("input", { bubbles: true }));
      countSoon();
    }
    if (event.target.closest("[data-ask]")) look(["materials"], form.dataset.share);
  });
  form.addEventListener("change", (event) => {
    if (event.target.type === "file") {
      nameFiles(event.target);
      keepScans(form, event.target);
    }
    countSoon();
  });
  form.addEventListener("daiban:files", (event) => {
    nameFiles(event.target);
    countSoon();
  });
}

// A draft brings back ID number and item before their questions are on the page; fetch those, then fill them.
async function catchUp() {
  const chosen = form.querySelector('input[name="item"]:checked');
  const all = [...form.querySelectorAll('input[name="item"]:checked')].map((box) => box.value);
  const shown = part(form, "matter").dataset.item.split(" ").filter(Boolean);
  if (!chosen || (all.length === shown.length && all.every((code) => shown.includes(code)))) return;
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
  dropOldScans().then(() => putScansBack(form));
  document.querySelector("form.drop-draft")?.addEventListener("submit", () => dropScans(form.elements.visit.value));
  form.addEventListener("input", saveSoon);
  form.addEventListener("change", saveSoon);
  let sent = false;
  form.addEventListener("submit", () => {
    sent = true;
    saveSoon.forget();
  });
  addEventListener("pagehide", () => {
    if (saveSoon.waits() && !sent) save(true);
  });
  if (part(form, "materials").hasAttribute("data-asking")) look(["materials"]);
}
