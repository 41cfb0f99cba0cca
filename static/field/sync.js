// Handing in: photos in pieces that go on where the line broke, things in small batches. Whatever is sent twice has one effect,
// because the server knows each thing by its name; what it refuses stays here with the reason.
import { Offline, Refused } from "./api.js";
import { CONFLICT, REFUSED, WAITING } from "./outbox.js";

export const SHAPE = 1;
const MOST_OPS = 20;
const MOST_CHARACTERS = 150000;
const PIECE = { first: 32768, least: 8192, most: 262144, quick: 1500 };
const MOST_RESTARTS = 2;
// No answer for the whole phone but for what it sent: then each thing is asked about on its own.
const OF_THE_PHONE = new Set(["sign-in", "device-closed", "device-lost", "device-unknown", "device-stale", "app-too-old", "csrf", "sign-in-again"]);

export class Sync {
  constructor({ api, box, outbox, words = (key) => key, said = () => {} }) {
    Object.assign(this, { api, box, outbox, words, said });
    this.piece = PIECE.first;
    this.running = null;
  }

  // One run at a time; resolves to how many are left, or throws Offline or Refused of the phone as a whole.
  run() {
    if (!this.running) this.running = this.#run().finally(() => { this.running = null; });
    return this.running;
  }

  async #run() {
    let most = MOST_OPS;
    for (;;) {
      const ready = await this.#ready();
      if (!ready.length) break;
      let batch = this.#batch(withoutPhotosToSend(ready), most);
      if (!batch.length) {
        const op = ready[0];
        try {
          await this.#photos(op);
        } catch (trouble) {
          // A photo that is not taken holds up the thing it belongs to, and nothing else.
          if (!ofTheThing(trouble)) throw trouble;
          await this.outbox.save({ ...op, state: REFUSED, sentence: trouble.detail, errors: trouble.errors });
          this.said();
        }
        const now = await this.outbox.get(op.op_id);
        if (!now || now.state !== WAITING) continue;
        batch = [now];
      }
      let moved;
      try {
        moved = await this.#push(batch);
      } catch (trouble) {
        if (!ofTheThing(trouble)) throw trouble;
        if (batch.length > 1) {
          most = Math.max(1, Math.floor(batch.length / 2));
          continue;
        }
        await this.outbox.save({ ...batch[0], state: REFUSED, sentence: trouble.detail, errors: trouble.errors });
        moved = true;
      }
      if (!moved) break;
    }
    return (await this.outbox.open()).length;
  }

  // What may go now: nothing that builds on something a person must settle first.
  async #ready() {
    const open = await this.outbox.open();
    const stuck = new Set(open.filter((op) => op.state !== WAITING).map((op) => op.op_id));
    const ready = [];
    for (const op of open) {
      if (op.state !== WAITING) continue;
      if (op.after.some((id) => stuck.has(id))) stuck.add(op.op_id);
      else ready.push(op);
    }
    return ready;
  }

  #batch(ready, most) {
    const batch = [];
    let size = 0;
    for (const op of ready) {
      size += JSON.stringify(op.inputs).length + 400;
      if (batch.length >= most || (batch.length && size > MOST_CHARACTERS)) break;
      batch.push(op);
    }
    return batch;
  }

  async #push(batch) {
    const ops = batch.map((op) => ({
      op_id: op.op_id,
      seq: op.seq,
      kind: op.kind,
      thing: op.thing,
      verb: op.verb,
      inputs: op.inputs,
      base: op.base,
      after: op.after,
      seen: op.seen,
      author: op.author,
      said_at: op.said_at,
    }));
    const { answers } = await this.api.post("push", { shape: SHAPE, ops });
    let moved = false;
    for (const answer of answers) {
      const op = batch.find((one) => one.op_id === answer.op_id);
      // Settled by a person while the answer was on its way.
      const here = op && (await this.outbox.get(op.op_id));
      if (!here || here.state !== WAITING) continue;
      if (await this.#settle(here, answer)) moved = true;
    }
    this.said();
    return moved;
  }

  async #settle(op, answer) {
    if (answer.outcome === "done") {
      await this.outbox.done(op, answer);
      return true;
    }
    if (answer.outcome === "waiting") {
      const need = new Set(answer.need || []);
      const again = (op.again || 0) + (need.size ? 1 : 0);
      const blobs = op.blobs.map((blob) => (need.has(blob.sha256) ? { ...blob, whole: false, sent: 0 } : blob));
      await this.outbox.save({ ...op, blobs, again, sentence: answer.sentence });
      return need.size > 0 && again <= MOST_RESTARTS;
    }
    const state = answer.outcome === "conflict" ? CONFLICT : REFUSED;
    await this.outbox.save({ ...op, state, sentence: answer.sentence, errors: answer.errors || [], conflict: answer.conflict || null });
    return true;
  }

  async #photos(op) {
    for (const blob of op.blobs) {
      if (blob.whole) continue;
      const bytes = await this.box.bytes("photo", blob.sha256);
      if (!bytes) {
        await this.outbox.save({ ...op, state: REFUSED, sentence: this.words("photo_gone") });
        return;
      }
      await this.#send(op, blob, bytes);
      if (!blob.whole) {
        await this.outbox.save({ ...op, state: REFUSED, sentence: this.words("photo_broken") });
        return;
      }
      await this.outbox.save(op);
    }
  }

  async #send(op, blob, bytes) {
    let { received } = await this.api.post("blobs", { sha256: blob.sha256, size: bytes.length });
    for (let restarts = 0; restarts <= MOST_RESTARTS && received < bytes.length; ) {
      const start = received;
      const begun = performance.now();
      try {
        ({ received } = await this.api.piece(blob.sha256, start, bytes.slice(start, start + this.piece)));
        // A good line takes larger pieces; on a bad one little is lost with each.
        if (performance.now() - begun < PIECE.quick) this.piece = Math.min(PIECE.most, this.piece * 2);
      } catch (trouble) {
        if (trouble instanceof Offline) this.piece = Math.max(PIECE.least, Math.floor(this.piece / 2));
        if (!(trouble instanceof Refused) || trouble.slug !== "wrong-offset") throw trouble;
        received = Number(trouble.headers.get("Upload-Offset") || 0);
      }
      if (received < start) restarts += 1;
      blob.sent = received;
      this.said();
    }
    blob.whole = received >= bytes.length;
  }
}

const ofTheThing = (trouble) => trouble instanceof Refused && !OF_THE_PHONE.has(trouble.slug) && trouble.status !== 401;

// What has nothing to send ahead of it, and builds on nothing that has.
function withoutPhotosToSend(ready) {
  const held = new Set();
  return ready.filter((op) => {
    const free = op.blobs.every((blob) => blob.whole) && !op.after.some((id) => held.has(id));
    if (!free) held.add(op.op_id);
    return free;
  });
}
