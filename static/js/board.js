// The board stays true by asking every few seconds (304 is cheap), and cards may be dragged; every drag is one of the
// card's own buttons, so keyboard and mouse can do exactly the same.
import { fresh } from "./fresh.js";

const EVERY_MS = 5000;

export async function startBoard() {
  for (const board of document.querySelectorAll("[data-board]")) {
    if (fresh(board)) new Board(board).start();
  }
}

class Board {
  constructor(element) {
    this.element = element;
    this.url = element.dataset.board;
    this.etag = null;
    this.dragging = false;
    this.sortables = [];
  }

  async start() {
    if (!this.element.hasAttribute("data-hall")) await loadSortable();
    this.arrange();
    this.element.addEventListener("keydown", (event) => this.pressed(event));
    this.element.dataset.ready = "";
    if (this.url) setInterval(() => this.refresh(), EVERY_MS);
  }

  async refresh() {
    if (this.dragging || document.hidden || document.querySelector("dialog[open]")) return;
    let answer;
    try {
      const headers = { "X-Partial": "board" };
      if (this.etag) headers["If-None-Match"] = this.etag;
      answer = await fetch(this.url, { headers, credentials: "same-origin", cache: "no-store" });
    } catch (offline) {
      this.say("off");
      return;
    }
    this.say(answer.ok || answer.status === 304 ? "on" : "off");
    if (answer.status !== 200 || answer.redirected || this.dragging) return;
    this.etag = answer.headers.get("ETag");
    this.replace(await answer.text());
  }

  replace(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-board]");
    if (!fresh) return;
    const held = document.activeElement.closest?.("[data-card]")?.dataset.card;
    // On the card itself, not on one of its buttons, there is no word to look for.
    const label = document.activeElement.matches("[data-card]") ? "" : document.activeElement.textContent;
    const left = this.element.scrollLeft;
    this.element.replaceChildren(...fresh.children);
    this.element.scrollLeft = left;
    if (held) this.refocus(held, label);
    this.arrange();
  }

  // The person at the keyboard must not be thrown out of the card by a refresh.
  refocus(key, label) {
    const card = this.element.querySelector(`[data-card="${CSS.escape(key)}"]`);
    if (!card) return;
    if (!label) return card.focus({ preventScroll: true });
    const same = [...card.querySelectorAll("a, button")].find((item) => item.textContent === label);
    (same || card.querySelector("a, button"))?.focus({ preventScroll: true });
  }

  arrange() {
    if (!window.Sortable) return;
    for (const sortable of this.sortables) sortable.destroy();
    this.sortables = [...this.element.querySelectorAll("[data-lane]")].map((lane) => window.Sortable.create(lane, {
      group: "board",
      draggable: "[data-card]",
      filter: "a, button, input",
      preventOnFilter: false,
      sort: false,
      delay: 200,
      delayOnTouchOnly: true,
      onStart: (event) => this.began(event),
      onMove: (event) => event.to === event.from || this.formFor(event.dragged, event.to) !== null,
      onEnd: (event) => this.ended(event),
    }));
  }

  began(event) {
    this.dragging = true;
    for (const lane of this.element.querySelectorAll("[data-lane]")) {
      lane.classList.toggle("can-drop", this.formFor(event.item, lane) !== null);
    }
  }

  ended(event) {
    for (const lane of this.element.querySelectorAll(".can-drop")) lane.classList.remove("can-drop");
    const form = event.to === event.from ? null : this.formFor(event.item, event.to);
    this.dragging = false;
    if (!form) return;
    // If the question is answered with no, the next refresh must put the card back.
    this.etag = null;
    form.requestSubmit(form.querySelector("button"));
  }

  formFor(card, lane) {
    return card.querySelector(`form[data-to="${CSS.escape(lane.dataset.lane)}"]`);
  }

  // Arrows walk from card to card; with Shift the card itself goes to the next or the former column, as if dragged.
  pressed(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key] || 0;
    const down = { ArrowUp: -1, ArrowDown: 1 }[event.key] || 0;
    if ((!step && !down) || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, select, textarea")) return;
    const card = event.target.closest("[data-card]");
    const columns = [...this.element.querySelectorAll(".column")];
    if (!card) {
      if (event.target === this.element && down) this.focusOn(this.element.querySelector("[data-card]"), event);
      return;
    }
    const here = columns.indexOf(card.closest(".column"));
    if (down && !event.shiftKey) {
      const cards = [...columns[here].querySelectorAll("[data-card]")];
      this.focusOn(cards[cards.indexOf(card) + down], event);
    } else if (step && !event.shiftKey) {
      for (let at = here + step; columns[at]; at += step) {
        const first = columns[at].querySelector("[data-card]");
        if (first) return this.focusOn(first, event);
      }
    } else if (step) {
      event.preventDefault();
      const lane = columns[here + step]?.querySelector("[data-lane]");
      const form = lane ? this.formFor(card, lane) : null;
      if (!form) return this.say("cannot");
      this.etag = null;
      form.requestSubmit(form.querySelector("button"));
    }
  }

  focusOn(card, event) {
    if (!card) return;
    event.preventDefault();
    card.focus();
    card.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  say(state) {
    const line = document.querySelector("[data-board-state]");
    if (line) line.textContent = line.dataset[state];
  }
}

function loadSortable() {
  if (window.Sortable) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/sortablejs/Sortable.min.js", import.meta.url).href;
    script.onload = resolve;
    script.onerror = () => reject(new Error("Sortable did not load"));
    document.head.append(script);
  });
}
