// What was typed survives a closed tab, a lost session and a refused form: forms with data-draft="key" are kept on
// this device per user, and dropped once the server has taken them or the person signs out.
import { fresh } from "./fresh.js";
import { whenResting } from "./later.js";
import { dropScans, forgetScans } from "./scans.js";

const PREFIX = "daiban-draft:";
const SENT = "daiban-sent";
const KEEP_DAYS = 7;
// To write a long form down takes longer than a key may: it is done in the next pause, and once a second where there is none.
const PAUSE = 200;
const MOST = 1000;
const kept = new Set();

const user = () => document.documentElement.dataset.user || "";
const place = (key) => `${PREFIX}${user()}:${key}`;

export function startDrafts() {
  if (!storageWorks()) return;
  const forms = [...document.querySelectorAll("form[data-draft]")].filter(fresh);
  settle(forms);
  dropOld();
  if (document.documentElement.dataset.drafts === "keep") return;
  for (const form of forms) {
    restore(form);
    form.keepSoon = whenResting(() => save(form), PAUSE, MOST);
    kept.add(form);
    const typed = () => {
      form.typedSince = true;
      form.keepSoon();
    };
    form.addEventListener("input", typed);
    form.addEventListener("change", typed);
    // The server has everything that was sent: only what is typed after that is kept here.
    form.addEventListener("daiban:sending", () => {
      form.sentValues = values(form);
      form.typedSince = false;
    });
    form.addEventListener("daiban:kept", (event) => {
      localStorage.removeItem(place(form.dataset.draft));
      form.dataset.draft = event.detail;
      form.initialValues = form.sentValues;
      if (form.typedSince) form.keepSoon();
      else form.keepSoon.forget();
    });
    form.addEventListener("submit", () => {
      form.keepSoon.forget();
      save(form);
      const sent = { key: place(form.dataset.draft), from: location.pathname, visit: form.elements.visit?.value };
      sessionStorage.setItem(SENT, JSON.stringify(sent));
    });
  }
}

// Whoever leaves the page, or puts the phone away, does not wait for a pause.
function keepNow() {
  for (const form of kept) if (form.isConnected) form.keepSoon.now();
}

export function forgetDrafts() {
  if (!storageWorks()) return;
  for (const form of kept) form.keepSoon.forget();
  kept.clear();
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(`${PREFIX}${user()}:`)) localStorage.removeItem(key);
  }
  sessionStorage.removeItem(SENT);
  forgetScans();
}

// A draft is done when the page after the POST is another one and the server really sent us there.
// A sign-in or error page says data-drafts="keep"; a broken connection never reaches this code with our referrer.
function settle(forms) {
  const text = sessionStorage.getItem(SENT);
  if (!text || document.documentElement.dataset.drafts === "keep") return;
  sessionStorage.removeItem(SENT);
  const sent = JSON.parse(text);
  if (forms.some((form) => place(form.dataset.draft) === sent.key)) return;
  // Saved for the first time while it was sent: the same visit came back under its own name.
  if (sent.visit && forms.some((form) => form.elements.visit?.value === sent.visit)) return;
  const cameFrom = document.referrer ? new URL(document.referrer).pathname : "";
  if (cameFrom !== sent.from && !document.querySelector('[data-flash="success"]')) return;
  localStorage.removeItem(sent.key);
  if (sent.visit) dropScans(sent.visit);
}

function values(form) {
  const found = {};
  for (const field of form.elements) {
    if (!field.name || field.name.startsWith("_") || field.name === "csrf_token") continue;
    if (["password", "file", "submit", "button"].includes(field.type)) continue;
    if (field.type === "hidden" && !field.closest("[data-signature]")) continue;
    const isBox = field.type === "checkbox" || field.type === "radio";
    const name = isBox ? `${field.name}=${field.value}` : field.name;
    found[name] = isBox ? field.checked : field.value;
  }
  return found;
}

function save(form) {
  form.initialValues ??= {};
  const draft = { at: Date.now(), values: values(form), initial: form.initialValues };
  try {
    localStorage.setItem(place(form.dataset.draft), JSON.stringify(draft));
    say(form, true);
  } catch (full) {
    say(form, false);
  }
}

function restore(form) {
  form.initialValues = values(form);
  const text = localStorage.getItem(place(form.dataset.draft));
  if (!text) return;
  const draft = JSON.parse(text);
  form.dispatchEvent(new CustomEvent("daiban:restore", { detail: draft.values }));
  let changed = 0;
  const initial = form.initialValues;
  for (const field of form.elements) {
    const isBox = field.type === "checkbox" || field.type === "radio";
    const name = isBox ? `${field.name}=${field.value}` : field.name;
    if (!(name in draft.values)) continue;
    // The server's value wins when it changed since the draft was begun.
    if (name in initial && name in draft.initial && initial[name] !== draft.initial[name]) continue;
    const current = isBox ? field.checked : field.value;
    if (current === draft.values[name]) continue;
    if (isBox) field.checked = draft.values[name];
    else field.value = draft.values[name];
    field.dispatchEvent(new CustomEvent("daiban:filled", { bubbles: true }));
    changed += 1;
  }
  form.initialValues = draft.initial;
  if (changed) tell(form);
}

// The words come from the template, so they are translated like the rest of the page.
function tell(form) {
  const line = form.querySelector("[data-draft-restored]");
  if (!line) return;
  line.hidden = false;
  line.querySelector("button").addEventListener("click", () => {
    form.keepSoon.forget();
    localStorage.removeItem(place(form.dataset.draft));
    form.reset();
    location.reload();
  });
}

function say(form, saved) {
  const line = form.querySelector("[data-draft-saved]");
  if (!line || form.saidSaved === saved) return;
  form.saidSaved = saved;
  line.hidden = false;
  line.classList.toggle("tone-late", !saved);
  line.querySelector("[data-words]").textContent = saved ? line.dataset.saved : line.dataset.full;
}

function dropOld() {
  const oldest = Date.now() - KEEP_DAYS * 24 * 3600 * 1000;
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(PREFIX)) continue;
    const draft = JSON.parse(localStorage.getItem(key));
    if (draft.at < oldest) localStorage.removeItem(key);
  }
}

function storageWorks() {
  try {
    localStorage.setItem(`${PREFIX}probe`, "{\"at\": 9e15}");
    localStorage.removeItem(`${PREFIX}probe`);
    return true;
  } catch (blocked) {
    return false;
  }
}

addEventListener("pagehide", keepNow);
document.addEventListener("visibilitychange", () => { if (document.hidden) keepNow(); });
