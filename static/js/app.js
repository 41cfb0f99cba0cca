// Every page works without this file; it only saves hands and double clicks.
import { fresh } from "./fresh.js";
import { startKeys } from "./keys.js";
import { startDialogs } from "./confirm.js";
import { startDrafts, forgetDrafts } from "./drafts.js";
import { startLines } from "./lines.js";
import { watchParts } from "./parts.js";

const BUSY_MS = 15000;

// The pressed button's name and value must still be sent, so it is disabled only after the form data was collected.
function guardDoubleSubmit() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sending) {
      event.preventDefault();
      return;
    }
    form.dataset.sending = "1";
    // What it made opens beside this page; whoever comes back finds the page as it is now, ready for another press.
    if (form.target === "_blank") window.addEventListener("focus", () => location.reload(), { once: true });
    const button = event.submitter;
    setTimeout(() => {
      if (!button) return;
      button.classList.add("is-busy");
      button.setAttribute("aria-disabled", "true");
    });
    setTimeout(() => release(form), BUSY_MS);
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sending]")) release(form);
  });
}

function release(form) {
  delete form.dataset.sending;
  for (const button of document.querySelectorAll(".is-busy")) {
    if (button.form !== form) continue;
    button.classList.remove("is-busy");
    button.removeAttribute("aria-disabled");
  }
}

function closeMenus() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

// A shared phone keeps nothing of the person who signs out.
function forgetOnSignOut() {
  for (const form of document.querySelectorAll("form[data-sign-out]")) {
    form.addEventListener("submit", () => forgetDrafts());
  }
}

function markPicked() {
  const count = document.querySelector("[data-picked]");
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-pick-all]");
    if (all) {
      for (const box of document.querySelectorAll(`[data-pick="${all.dataset.pickAll}"]`)) box.checked = all.checked;
    }
    if (count) count.textContent = document.querySelectorAll("[data-pick]:checked").length;
  });
}

async function startOnDemand() {
  if (document.querySelector("[data-signature]")) (await import("./signature.js")).startSignatures();
  if (document.querySelector("[data-photos]")) (await import("./photos.js")).startPhotos();
  if (document.querySelector("[data-board]")) (await import("./board.js")).startBoard();
  if (document.querySelector("[data-positions]")) (await import("./positions.js")).startPositions();
  if (document.querySelector("[data-platform-filter]")) (await import("./unit_filter.js")).startUnitFilters();
}

// On a phone the next action stays under the thumb once its button has been scrolled away.
function echoNextAction() {
  for (const echo of document.querySelectorAll("[data-echo]")) {
    const original = document.getElementById(echo.dataset.echo);
    if (original && fresh(echo)) new IntersectionObserver(([seen]) => { echo.hidden = seen.isIntersecting; }).observe(original);
  }
}

function focusTrouble() {
  const summary = document.querySelector("[data-error-summary]");
  if (summary) summary.focus();
}

// What belongs to elements on the page; run again when a part of it was fetched anew.
function startElements() {
  startLines();
  startDrafts();
  startOnDemand();
  echoNextAction();
  focusTrouble();
}

guardDoubleSubmit();
closeMenus();
forgetOnSignOut();
markPicked();
startKeys();
startDialogs();
startElements();
watchParts(startElements);
