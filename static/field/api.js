// Asking the server. A line that is down and a server that says no are two different things.
export class Offline extends Error {}

export class Refused extends Error {
  constructor(status, body, headers) {
    super(body.detail || String(status));
    this.status = status;
    this.slug = (body.type || "").split("/").pop();
    this.detail = body.detail || "";
    this.errors = body.errors || [];
    this.headers = headers;
  }
}

const TIMEOUT_MS = 45000;
// The answer of something on the way, or of a server that is just being restarted: worth another try.
const LATER = new Set([408, 425, 429, 500, 502, 503, 504]);

export class Api {
  constructor({ base = "/field/api/", device = "", send = (...args) => fetch(...args) } = {}) {
    this.base = base;
    this.device = device;
    this.send = send;
    this.csrf = "";
    this.sent = 0;
  }

  async hello() {
    const found = await this.#ask("GET", "hello");
    if (!found.signed_in) throw new Refused(401, {});
    this.csrf = found.csrf;
    return found;
  }

  post(path, body) {
    return this.#with(() => this.#ask("POST", path, JSON.stringify(body), { "Content-Type": "application/json" }));
  }

  piece(sha256, start, bytes) {
    const headers = { "Content-Type": "application/octet-stream", "Upload-Offset": String(start) };
    return this.#with(() => this.#ask("PATCH", `blobs/${sha256}`, bytes, headers));
  }

  // The token belongs to the sign-in: after a new one the next request fetches it.
  async #with(work) {
    if (!this.csrf) await this.hello();
    try {
      return await work();
    } catch (trouble) {
      if (!(trouble instanceof Refused) || trouble.slug !== "csrf") throw trouble;
      await this.hello();
      return work();
    }
  }

  async #ask(method, path, body, more = {}) {
    const headers = { Accept: "application/json", ...more };
    if (this.device) headers["X-Field-Device"] = this.device;
    if (method !== "GET") headers["X-CSRFToken"] = this.csrf;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
    let answer;
    let text;
    try {
      this.sent += body ? body.length : 0;
      answer = await this.send(this.base + path, {
        method,
        body,
        headers,
        credentials: "same-origin",
        cache: "no-store",
        redirect: "manual",
        signal: stop.signal,
      });
      text = await answer.text();
    } catch (down) {
      throw new Offline(String(down));
    } finally {
      clearTimeout(timer);
    }
    if (answer.type === "opaqueredirect") throw new Refused(401, {}, answer.headers);
    let found;
    try {
      found = JSON.parse(text);
    } catch (notOurs) {
      // A hotel's welcome page or half an answer is as good as no line.
      throw new Offline(`no answer of ours (${answer.status})`);
    }
    if (answer.ok) return found;
    if (LATER.has(answer.status)) throw new Offline(found.detail || String(answer.status));
    throw new Refused(answer.status, found, answer.headers);
  }
}
