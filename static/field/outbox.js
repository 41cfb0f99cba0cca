// 待上报: what was done on the phone, in the order it was done, until the server has said yes.
import { ulid } from "./ulid.js";

export const WAITING = "waiting";
export const DONE = "done";
export const REFUSED = "refused";
export const CONFLICT = "conflict";
const KEPT_DONE = 40;

export class Outbox {
  constructor(box, author) {
    this.box = box;
    this.author = author;
  }

  // One change after the other: what is pressed twice, or given up while it is being sent, finds what came before it.
  #turn = Promise.resolve();

  #alone(work) {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async list() {
    return (await this.box.list("op")).sort((a, b) => a.seq - b.seq);
  }

  async open() {
    return (await this.list()).filter((op) => op.state !== DONE);
  }

  get(id) {
    return this.box.get("op", id);
  }

  // One thing done, with its photos (name → bytes); it builds on whatever was done to the same thing before.
  add(given) {
    return this.#alone(() => this.#add(given));
  }

  async #add({ kind, thing, verb = "create", title, about = "", inputs = {}, base = null, seen = {}, photos = [], draft = "" }) {
    const all = await this.list();
    const before = all.filter((op) => op.thing === thing && kind !== "create" && op.state !== DONE);
    const op = {
      op_id: ulid(),
      seq: all.reduce((most, one) => Math.max(most, one.seq), 0) + 1,
      kind,
      thing,
      verb,
      title,
      about,
      inputs,
      base,
      seen,
      after: before.slice(-1).map((one) => one.op_id),
      author: this.author,
      said_at: new Date().toISOString(),
      blobs: photos.map(({ sha256, size, name }) => ({ sha256, size, name, sent: 0, whole: false })),
      state: WAITING,
      sentence: "",
      errors: [],
      conflict: null,
    };
    await this.box.putAll(
      [["op", op.op_id, op], ...photos.map((one) => ["photo", one.sha256, one.bytes])],
      draft ? [["draft", draft]] : [],
    );
    return op;
  }

  // How far it came; nothing where a person gave it up meanwhile.
  save(op) {
    return this.#alone(async () => {
      if (await this.get(op.op_id)) await this.box.put("op", op.op_id, op);
    });
  }

  // The server took it: the photos go, a line stays so that one sees it was handed in.
  done(op, answer) {
    return this.#alone(() => this.#done(op, answer));
  }

  async #done(op, answer) {
    const finished = { ...op, state: DONE, sentence: answer.sentence, result: answer.thing || null, inputs: {}, seen: {}, blobs: [] };
    await this.box.putAll([["op", op.op_id, finished]], await this.#photosOnlyOf(op));
    const old = (await this.list()).filter((one) => one.state === DONE);
    for (const one of old.slice(0, Math.max(0, old.length - KEPT_DONE))) await this.box.remove("op", one.op_id);
  }

  async #photosOnlyOf(op) {
    const others = (await this.list()).filter((one) => one.op_id !== op.op_id && one.state !== DONE);
    const needed = new Set(others.flatMap((one) => one.blobs.map((blob) => blob.sha256)));
    return op.blobs.filter((blob) => !needed.has(blob.sha256)).map((blob) => ["photo", blob.sha256]);
  }

  // Handed in again under a new name, mended or on top of what is there now; what waited for it waits for the new one.
  again(op, changes = {}) {
    return this.#alone(() => this.#again(op, changes));
  }

  async #again(op, changes) {
    // Pressed twice: the first time has seen to it.
    if (!(await this.get(op.op_id))) return null;
    const { photos = null, draft = "", ...rest } = changes;
    const blobs = photos ? photos.map(({ sha256, size, name }) => ({ sha256, size, name, sent: 0 })) : op.blobs;
    const next = {
      ...op,
      ...rest,
      op_id: ulid(),
      said_at: new Date().toISOString(),
      state: WAITING,
      sentence: "",
      errors: [],
      conflict: null,
      blobs: blobs.map((blob) => ({ ...blob, whole: false })),
    };
    const waiting = (await this.open()).filter((one) => one.after.includes(op.op_id));
    const moved = waiting.map((one) => ({ ...one, after: one.after.map((id) => (id === op.op_id ? next.op_id : id)) }));
    await this.box.putAll(
      [...[next, ...moved].map((one) => ["op", one.op_id, one]), ...(photos || []).map((one) => ["photo", one.sha256, one.bytes])],
      [["op", op.op_id], ...(draft ? [["draft", draft]] : [])],
    );
    return next;
  }

  // Given up by a person, with whatever was built on it.
  giveUp(op) {
    return this.#alone(() => this.#giveUp(op));
  }

  async #giveUp(op) {
    for (const one of await this.open()) if (one.after.includes(op.op_id)) await this.#giveUp(one);
    await this.box.putAll([], [["op", op.op_id], ...(await this.#photosOnlyOf(op))]);
  }
}

// How a thing stands once all that waits is taken: what the phone shows while nobody answers.
export function standing(thing, flow, ops) {
  let state = thing.state;
  const waiting = ops.filter((op) => op.thing === thing.uid && op.kind === "step" && op.state === WAITING);
  for (const op of waiting) {
    const step = flow.steps[op.verb];
    if (step && step.from.includes(state) && step.to) state = step.to;
  }
  return { state, waiting: waiting.length };
}
