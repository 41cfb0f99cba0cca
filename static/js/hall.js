// The pages of the hall stay true by asking every second; 304 is cheap. The calling screen speaks what has just been called.
const EVERY_MS = 1000;

class Part {
  constructor(element) {
    this.element = element;
    this.url = element.dataset.hallPart;
    this.etag = null;
    this.busy = false;
    this.said = new Set(this.calls());
    this.voice = element.hasAttribute("data-speak") ? document.querySelector("[data-voice]") : null;
    // Browsers let a page speak only once somebody has pressed something.
    this.voice?.addEventListener("click", () => {
      this.speak([this.voice.dataset.ready]);
      this.voice.hidden = true;
    });
    setInterval(() => this.refresh(), EVERY_MS);
  }

  // One entry for each call: the same number called again is spoken again.
  calls() {
    return [...this.element.querySelectorAll("[data-call]")].map((line) => line.dataset.call);
  }

  async refresh() {
    if (this.busy || document.querySelector("dialog[open]")) return;
    // Nobody is thrown out of a box they are typing into.
    if (this.element.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return;
    if (document.hidden && !this.voice) return;
    this.busy = true;
    try {
      const headers = this.etag ? { "If-None-Match": this.etag } : {};
      const answer = await fetch(this.url, { headers, credentials: "same-origin", cache: "no-store" });
      this.say(answer.ok || answer.status === 304);
      if (answer.status === 200 && !answer.redirected) {
        this.etag = answer.headers.get("ETag");
        this.replace(await answer.text());
      }
    } catch (offline) {
      this.say(false);
    } finally {
      this.busy = false;
    }
  }

  replace(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-hall-part]");
    if (!fresh) return;
    this.element.replaceChildren(...fresh.children);
    const lines = [...this.element.querySelectorAll("[data-call]")];
    const unsaid = lines.filter((line) => !this.said.has(line.dataset.call));
    for (const line of unsaid) line.classList.add("is-new");
    if (this.voice) this.speak(unsaid.map((line) => line.dataset.words));
    this.said = new Set(this.calls());
  }

  speak(sentences) {
    if (!("speechSynthesis" in window)) return;
    for (const words of sentences) {
      const spoken = new SpeechSynthesisUtterance(words);
      spoken.lang = "zh-CN";
      spoken.rate = 0.9;
      window.speechSynthesis.speak(spoken);
    }
  }

  say(on) {
    const line = document.querySelector("[data-hall-line]");
    if (line) line.textContent = on ? "" : line.dataset.off;
  }
}

for (const element of document.querySelectorAll("[data-hall-part]")) new Part(element);
for (const page of document.querySelectorAll("[data-back-after]")) {
  // The machine is free for the next visitor by itself.
  setTimeout(() => location.assign(page.dataset.back), Number(page.dataset.backAfter) * 1000);
}
