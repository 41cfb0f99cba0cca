// Who may look into the phone: the key comes with a sign-in and goes with a sign-out, from afar, or when nobody used it.
import { Box, keyFrom } from "./box.js";

// A clock that jumps back by more than this was set by somebody: then nobody knows how long the phone lay about.
const BACKWARD_MS = 5 * 60000;
// What goes when the key goes: it can be fetched again. What was typed stays, sealed.
const FETCHED = ["day"];

export class Guard {
  constructor(store) {
    this.store = store;
  }

  // The box of whoever is signed in on this phone, or nothing when it is locked.
  async box(at = Date.now()) {
    const uid = await this.store.meta("current");
    if (!uid) return null;
    if (await this.late(at)) {
      await this.lock();
      return null;
    }
    const key = await this.store.key(uid);
    return key ? new Box(this.store, uid, key) : null;
  }

  async late(at = Date.now()) {
    const seen = await this.store.meta("seen");
    const idle = (await this.store.meta("idle")) || 120;
    return seen !== undefined && (at - seen > idle * 60000 || seen - at > BACKWARD_MS);
  }

  touch(at = Date.now()) {
    return this.store.setMeta("seen", at);
  }

  // Every person's app on this phone has a name that says nothing; with it the same person gets the same box again.
  async known() {
    return (await this.store.meta("known")) || [];
  }

  async open(device, secret) {
    const key = await keyFrom(secret, device.uid);
    const known = await this.known();
    await this.store.dropKeys();
    await this.store.keepKey(device.uid, key);
    await this.store.setMeta("known", [device.uid, ...known.filter((one) => one !== device.uid)].slice(0, 20));
    await this.store.setMeta("current", device.uid);
    await this.store.setMeta("idle", device.idle_minutes);
    await this.touch();
    return new Box(this.store, device.uid, key);
  }

  // The key goes; what was typed and not handed in stays sealed until its owner signs in again.
  async lock() {
    const uid = await this.store.meta("current");
    await this.store.dropKeys();
    if (uid) for (const kind of FETCHED) await this.store.dropShelf(`${uid}:${kind}`);
    await this.store.setMeta("current", null);
  }

  // A phone reported lost, or a sign-out with nothing left to hand in: everything of this person goes.
  async wipe() {
    const uid = await this.store.meta("current");
    await this.lock();
    if (!uid) return;
    for (const kind of ["op", "draft", "photo", "day"]) await this.store.dropShelf(`${uid}:${kind}`);
    await this.store.setMeta("known", (await this.known()).filter((one) => one !== uid));
  }
}
