// 手机外勤: what one does outside, from what the phone took along; handed in whenever there is a line.
import { Api, Offline, Refused } from "./api.js";
import { button, h, setWords, t } from "./dom.js";
import { Guard } from "./guard.js";
import { Outbox } from "./outbox.js";
import { openStore } from "./store.js";
import { Sync } from "./sync.js";
import { conflictPage, outboxPage } from "./waiting.js";
import { careFormPage, carePage, formPage, logPage, thingPage, todayPage } from "./work.js";
import { scanPage } from "./scanning.js";

const root = document.documentElement;
const host = document.getElementById("content");
const line = document.getElementById("line");
const data = document.getElementById("field").dataset;
setWords(JSON.parse(data.words));

const BACK_OFF_MS = [2000, 5000, 15000, 30000, 60000];
const LOOK_MS = 15000;
const app = { store: null, guard: null, api: new Api(), box: null, outbox: null, sync: null, day: null, person: null, online: navigator.onLine, trouble: "" };
let tries = 0;
let timer = null;
// Whether the page is drawn because of news, and not because somebody asked for it.
let quiet = false;

async function start() {
  if (!window.isSecureContext || !window.indexedDB || !crypto.subtle) return show(h("h1", { tabindex: -1 }, t("no_store_title")), h("p", {}, t("no_store")));
  if (navigator.serviceWorker) navigator.serviceWorker.register(data.worker, { scope: data.scope }).catch(() => {});
  if (navigator.storage && navigator.storage.persist) navigator.storage.persist().catch(() => {});
  app.store = await openStore();
  app.guard = new Guard(app.store);
  // Without a signal the time is that of the server as it was last heard, not that of this phone's clock.
  app.offset = (await app.store.meta("offset")) || 0;
  const box = await app.guard.box();
  if (box) await unlock(box);
  else await signOn();
  for (const kind of ["pointerdown", "keydown", "touchstart"]) addEventListener(kind, touched, { passive: true });
  addEventListener("hashchange", route);
  addEventListener("online", () => { app.online = true; hurry(); });
  addEventListener("offline", () => { app.online = false; tell(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look().then(hurry); });
  setInterval(look, LOOK_MS);
  await route();
}

// --- locked and open --------------------------------------------------------------------------------------------------
async function unlock(box) {
  app.box = box;
  app.api.device = box.uid;
  [app.day, app.person] = await Promise.all([box.get("day", "today"), box.get("day", "person")]);
  app.outbox = new Outbox(box, app.person ? app.person.username : "");
  app.sync = new Sync({ api: app.api, box, outbox: app.outbox, words: t, said: tell });
  await sweep();
  hurry();
}

// Photos of a form that was never handed in and is gone.
async function sweep() {
  const shelf = `${app.box.uid}:photo`;
  const photos = await app.store.names(shelf);
  if (!photos.length) return;
  const needed = new Set((await app.outbox.list()).flatMap((op) => op.blobs.map((blob) => blob.sha256)));
  for (const draft of await app.box.list("draft")) {
    for (const value of Object.values(draft.values)) for (const one of (value && value.photos) || []) needed.add(one);
  }
  for (const id of photos) if (!needed.has(id.slice(shelf.length + 1))) await app.store.remove(id);
}

// A sign-in that has just happened opens the phone; otherwise it says how.
async function signOn() {
  app.box = app.day = app.person = null;
  app.api.device = "";
  try {
    const hello = await app.api.hello();
    heard(hello);
    const known = await app.guard.known();
    const answer = await app.api.post("device", { known, label: deviceName() });
    const box = await app.guard.open(answer.device, answer.secret);
    await box.put("day", "person", answer.person);
    await app.store.setMeta("offset", app.offset || 0);
    await unlock(box);
    await refresh();
  } catch (trouble) {
    app.trouble = trouble instanceof Refused ? trouble.detail : "";
    app.locked = trouble instanceof Offline ? "offline" : "signed_out";
  }
}

const deviceName = () => (/Android/.test(navigator.userAgent) ? t("android") : /iPhone|iPad/.test(navigator.userAgent) ? t("iphone") : t("browser"));

async function lockedPage() {
  const waiting = (await app.guard.known()).length > 0;
  const offline = app.locked === "offline";
  show(
    h("h1", { tabindex: -1 }, t("locked_title")),
    h("p", {}, offline ? t("locked_offline") : app.trouble || t("locked")),
    waiting ? h("p", { class: "muted" }, t("locked_kept")) : "",
    offline ? button(t("try_again"), async () => { await signOn(); route(); }, "btn-primary btn-big w-100") : button(t("sign_in"), freshSignIn, "btn-primary btn-big w-100"),
  );
}

// Whoever is still signed in here is signed out first: only a password opens a locked phone.
async function freshSignIn() {
  try {
    await app.api.post("leave", {});
  } catch (alreadyOut) {
    app.trouble = "";
  }
  location.assign(`/sign-in?next=${encodeURIComponent(data.scope)}`);
}

export async function lockNow(everything = false) {
  clearTimeout(timer);
  const waiting = everything || !app.outbox ? [] : await app.outbox.open();
  if (app.box) {
    if (everything || !waiting.length) await app.guard.wipe();
    else await app.guard.lock();
  }
  app.box = app.day = app.person = app.outbox = app.sync = null;
  app.api.device = "";
  tell();
}

async function leave() {
  const waiting = await app.outbox.open();
  const go = async () => {
    const uid = app.box.uid;
    await lockNow();
    app.api.device = uid;
    try {
      await app.api.post("leave", {});
    } catch (noLine) {
      // Without a line the key is gone all the same; the session behind it ends by itself.
      app.trouble = "";
    }
    app.api.device = "";
    app.locked = "signed_out";
    app.trouble = t("left");
    location.hash = "";
    await lockedPage();
  };
  if (!waiting.length) return go();
  return show(
    h("h1", { tabindex: -1 }, t("leave_title")),
    h("p", {}, t("leave_waiting", { n: waiting.length })),
    h("div", { class: "field-actions" }, button(t("leave_now"), go, "btn-primary btn-big w-100"), button(t("stay"), () => history.back(), "w-100")),
  );
}

function touched() {
  if (!app.box || Date.now() - (app.touchedAt || 0) < 5000) return;
  app.touchedAt = Date.now();
  app.guard.touch();
}

async function look() {
  if (app.box && (await app.guard.late())) {
    await app.guard.lock();
    app.box = app.day = app.person = app.outbox = app.sync = null;
    app.locked = "signed_out";
    app.trouble = t("locked_idle");
    try {
      app.api.csrf = "";
      await app.api.post("leave", {});
    } catch (noLine) {
      app.trouble = t("locked_idle");
    }
    tell();
    await lockedPage();
  }
}

// --- the line ---------------------------------------------------------------------------------------------------------
function heard(hello) {
  app.online = true;
  app.offset = new Date(hello.now).getTime() - Date.now();
  // The office may have set another idle time meanwhile.
  if (hello.device && app.box) app.store.setMeta("idle", hello.device.idle_minutes);
}

// The time as the server last told it; the phone's own clock may say anything.
export const serverNow = () => Date.now() + (app.offset || 0);

export async function refresh() {
  const found = await app.api.post("day", { version: app.day ? app.day.version : "" });
  if (!found.same) {
    app.day = found;
    await app.box.put("day", "today", found);
  }
  await app.store.setMeta("offset", app.offset || 0);
}

async function hurry() {
  clearTimeout(timer);
  if (!app.box) return;
  tell(t("sending"));
  try {
    heard(await app.api.hello());
    try {
      await app.sync.run();
    } catch (trouble) {
      if (trouble.slug !== "device-stale") throw trouble;
      // Three weeks away: first the day as it is now, then what was done.
      await refresh();
      await app.sync.run();
    }
    await refresh();
    tries = 0;
    app.trouble = "";
    app.needsSignIn = false;
    timer = setTimeout(hurry, 60000);
    await route(true);
  } catch (trouble) {
    await failed(trouble);
  }
  tell();
}

async function failed(trouble) {
  if (trouble instanceof Refused) {
    app.trouble = trouble.detail;
    if (trouble.slug === "device-lost") {
      await lockNow(true);
      app.locked = "signed_out";
      return lockedPage();
    }
    if (["device-closed", "device-unknown"].includes(trouble.slug)) {
      await app.guard.lock();
      app.box = app.day = app.person = app.outbox = app.sync = null;
      app.locked = "signed_out";
      return lockedPage();
    }
    if (trouble.status === 401) app.trouble = t("session_over");
    app.needsSignIn = trouble.status === 401 || trouble.slug === "device-stale";
    // What was refused today may be allowed later, and nobody else asks again.
    if (!app.needsSignIn) timer = setTimeout(hurry, 60000);
    return undefined;
  }
  if (!(trouble instanceof Offline)) throw trouble;
  app.online = false;
  timer = setTimeout(hurry, BACK_OFF_MS[Math.min(tries, BACK_OFF_MS.length - 1)] * (0.8 + Math.random() * 0.4));
  tries += 1;
  return undefined;
}

// One plain line on top: is there a signal, and what waits.
async function tell(words = "") {
  if (!app.box) {
    line.textContent = "";
    return;
  }
  const open = await app.outbox.open();
  const settle = open.filter((op) => op.state !== "waiting").length;
  const waiting = open.length - settle;
  line.className = `field-line-top ${settle ? "is-late" : !app.online && waiting ? "is-needs" : ""}`;
  const parts = [];
  if (words) parts.push(words);
  else if (app.trouble) parts.push(app.trouble);
  else if (!app.online) parts.push(waiting ? t("offline_waiting", { n: waiting }) : t("offline"));
  else if (waiting) parts.push(t("online_waiting", { n: waiting }));
  else if (!settle) parts.push(t("online_done"));
  if (settle) parts.push(t("to_settle", { n: settle }));
  line.textContent = parts.join("；");
  if (app.needsSignIn) line.append(" ", h("a", { href: `/sign-in?next=${encodeURIComponent(data.scope)}` }, t("sign_in")));
  const count = document.querySelector("[data-waiting]");
  count.textContent = open.length ? String(open.length) : "";
  count.hidden = !open.length;
}

// --- pages ------------------------------------------------------------------------------------------------------------
export function show(...parts) {
  const found = parts.flat().filter(Boolean);
  if (quiet) {
    // News under the eyes of somebody who reads: nothing moves, and what is the same stays as it is.
    const fresh = h("main", {}, found);
    if (fresh.childNodes.length === host.childNodes.length && [...fresh.childNodes].every((one, index) => one.isEqualNode(host.childNodes[index]))) return;
    const focused = [...host.querySelectorAll("a, button")].indexOf(document.activeElement);
    const at = scrollY;
    host.replaceChildren(...fresh.childNodes);
    if (focused >= 0) (host.querySelectorAll("a, button")[focused] || host).focus({ preventScroll: true });
    scrollTo(0, at);
    return;
  }
  host.replaceChildren(...found);
  const heading = host.querySelector("h1");
  if (heading) {
    document.title = `${heading.textContent} · ${t("app_name")}`;
    heading.focus({ preventScroll: true });
  }
  scrollTo(0, 0);
}

// What hands something in: kept, then sent at once if there is a line.
export async function handIn(op, settles) {
  const earlier = settles ? await app.outbox.get(settles) : null;
  if (earlier) await app.outbox.again(earlier, { inputs: op.inputs, base: op.base ?? null, seen: op.seen || {}, photos: op.photos || [], draft: op.draft });
  else await app.outbox.add(op);
  hurry();
}

const PAGES = {
  "": todayPage,
  thing: thingPage,
  do: formPage,
  log: logPage,
  care: carePage,
  review: careFormPage,
  waiting: outboxPage,
  settle: conflictPage,
  scan: scanPage,
  more: morePage,
  leave,
};
// Pages on which somebody types are not drawn anew under their hands.
const TYPED = new Set(["do", "log", "review", "scan", "settle", "leave"]);

// The last page that somebody asked for, and the last one drawn because of news: one after the other, so that
// what arrives while a card is being opened does not lay the page of before over it.
let drawn = Promise.resolve();
let news = Promise.resolve();
const here = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);

function route(quietly = false) {
  if (quietly !== true) {
    const asked = news.then(() => draw(false));
    drawn = asked.catch(() => {});
    return asked;
  }
  if (TYPED.has(here()[0])) return Promise.resolve();
  const told = drawn.then(() => draw(true));
  news = told.catch(() => {});
  return told;
}

async function draw(quietly) {
  const [page, ...rest] = here();
  if (quietly && TYPED.has(page)) return;
  if (!app.box) {
    document.getElementById("bar").hidden = true;
    await lockedPage();
    return;
  }
  document.getElementById("bar").hidden = false;
  for (const link of document.querySelectorAll("#bar a")) {
    const own = link.getAttribute("href").replace(/^#\/?/, "");
    if (own === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  quiet = quietly;
  try {
    await (PAGES[page] || todayPage)(app, ...rest);
  } finally {
    quiet = false;
  }
  await tell();
}

export async function again() {
  await route();
}

function morePage() {
  const large = root.classList.contains("large-type");
  show(
    h("h1", { tabindex: -1 }, t("more")),
    h("p", {}, t("signed_in_as", { name: app.person.name }), app.day && app.day.person.unit ? ` · ${app.day.person.unit}` : ""),
    h("div", { class: "field-menu" },
      h("button", { type: "button", class: "btn field-btn w-100", "data-large-type": "", "aria-pressed": String(large) }, t("large_type")),
      button(t("fetch_day"), async () => { try { await refresh(); location.hash = "#/"; } catch (trouble) { await failed(trouble); await tell(); } }, "w-100"),
      h("a", { class: "btn field-btn w-100", href: "#/scan" }, t("scan")),
      h("a", { class: "btn field-btn w-100", href: data.devices }, t("my_phones")),
      h("a", { class: "btn field-btn w-100", href: data.desk }, t("whole_site")),
      h("a", { class: "btn field-btn w-100", href: "#/leave" }, t("sign_out")),
    ),
    h("p", { class: "muted small" }, t("idle_told")),
  );
}

start().catch((trouble) => {
  show(h("h1", { tabindex: -1 }, t("broken_title")), h("p", { role: "alert" }, t("broken")), h("p", { class: "muted small" }, String(trouble)));
});
export { app };
