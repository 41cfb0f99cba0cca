// The board stays true by asking every few seconds (304 is cheap), and cards may be dragged; every drag is one of the
// card's own buttons, so keyboard and mouse can do exactly the same.
import { fresh } from "./fresh.js";

// Within five seconds on the other screens, the way there and back included.
const EVERY_MS = 4000;

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

  // Only what changed is touched: five hundred new cards would hold up a hand on a weak computer.
  replace(text) {
    const news = new DOMParser().parseFromString(text, "text/html").querySelector("[data-board]");
    if (!news) return;
    const focused = document.activeElement;
    const held = focused.closest?.("[data-card]")?.dataset.card;
    // On the card itself, not on one of its buttons, there is no word to look for.
    const label = focused.matches("[data-card]") ? "" : focused.textContent;
    const left = this.element.scrollLeft;
    const cards = new Map([...this.element.querySelectorAll("[data-card]")].map((card) => [card.dataset.card, card]));
    const columns = [...this.element.querySelectorAll(".column")];
    const fresh = [...news.querySelectorAll(".column")];
    if (fresh.length !== columns.length) this.element.replaceChildren(...news.children);
    else fresh.forEach((column, at) => patchColumn(columns[at], column, cards));
    this.element.scrollLeft = left;
    if (held && document.activeElement !== focused) this.refocus(held, label);
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
    this.sortables = this.sortables.filter((one) => one.el.isConnected || one.destroy());
    const known = new Set(this.sortables.map((one) => one.el));
    const lanes = [...this.element.querySelectorAll("[data-lane]")].filter((lane) => !known.has(lane));
    this.sortables.push(...lanes.map((lane) => window.Sortable.create(lane, {
      group: "board",
      draggable: "[data-card]",
      filter: "a, button, input",
      preventOnFilter: false,
      sort: false,
      delay: 200,
      delayOnTouchOnly: true,
      onStart: (event) => this.began(event),
      onMove: (event) => event.to === event.from || this.buttonFor(event.dragged, event.to) !== null,
      onEnd: (event) => this.ended(event),
    })));
  }

  began(event) {
    this.dragging = true;
    for (const lane of this.element.querySelectorAll("[data-lane]")) {
      lane.classList.toggle("can-drop", this.buttonFor(event.item, lane) !== null);
    }
  }

  ended(event) {
    for (const lane of this.element.querySelectorAll(".can-drop")) lane.classList.remove("can-drop");
    const button = event.to === event.from ? null : this.buttonFor(event.item, event.to);
    this.dragging = false;
    if (!button) return;
    // Should it be refused, the next refresh must put the card back.
    this.etag = null;
    button.form.requestSubmit(button);
  }

  buttonFor(card, lane) {
    return card.querySelector(`button[data-to="${CSS.escape(lane.dataset.lane)}"]`);
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
      const button = lane ? this.buttonFor(card, lane) : null;
      if (!button) return this.say("cannot");
      this.etag = null;
      button.form.requestSubmit(button);
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

function patchColumn(column, fresh, cards) {
  if (column.isEqualNode(fresh)) return;
  const lanes = [...column.querySelectorAll("[data-lane]")];
  const wanted = [...fresh.querySelectorAll("[data-lane]")];
  wanted.forEach((lane, at) => { if (lanes[at]) patchLane(lanes[at], lane, cards); });
  // What is around the lanes (head, names, the word for an empty one) is short, and lanes that are there already stay in place.
  const parts = [...fresh.children].map((part) => (wanted.includes(part) ? lanes[wanted.indexOf(part)] || part : part));
  let at = column.firstElementChild;
  for (const part of parts) {
    if (at && (part === at || at.isEqualNode(part))) {
      at = at.nextElementSibling;
    } else if (at && !at.matches("[data-lane]") && !part.matches("[data-lane]")) {
      const old = at;
      at = at.nextElementSibling;
      old.replaceWith(part);
    } else {
      column.insertBefore(part, at);
    }
  }
  while (at) {
    const rest = at;
    at = at.nextElementSibling;
    if (!parts.includes(rest)) rest.remove();
  }
}

function patchLane(lane, fresh, cards) {
  let at = lane.firstElementChild;
  for (const wanted of [...fresh.children]) {
    const known = cards.get(wanted.dataset.card);
    const card = known && known.isEqualNode(wanted) ? known : wanted;
    if (at === known && at) at = at.nextElementSibling;
    if (card === wanted) known?.remove();
    else if (card.parentElement === lane && card.nextElementSibling === at) continue;
    lane.insertBefore(card, at);
  }
  while (at) {
    const rest = at;
    at = at.nextElementSibling;
    // A card that has its place in another lane was or will be taken there.
    rest.remove();
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
