// Sealing: every record is AES-GCM under a key that cannot be taken out of the browser and is made from the server's secret.
// The secret itself is never kept here, so once the key is gone only a new sign-in of the same person opens the box.
const SALT = "daiban-field-1";

const utf8 = (text) => new TextEncoder().encode(text);

export async function keyFrom(secret, uid) {
  const raw = await crypto.subtle.importKey("raw", utf8(secret), "HKDF", false, ["deriveKey"]);
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: utf8(SALT), info: utf8(uid) },
    raw,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
}

export class Box {
  constructor(store, uid, key) {
    this.store = store;
    this.uid = uid;
    this.key = key;
  }

  #id(kind, id) {
    return `${this.uid}:${kind}:${id}`;
  }

  async #seal(kind, id, bytes) {
    const name = this.#id(kind, id);
    const iv = crypto.getRandomValues(new Uint8Array(12));
    // The name is sealed with it: no record can be laid in the place of another.
    const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(name) }, this.key, bytes);
    return { id: name, shelf: `${this.uid}:${kind}`, iv, data };
  }

  async #open(record) {
    return crypto.subtle.decrypt(
      { name: "AES-GCM", iv: record.iv, additionalData: utf8(record.id) },
      this.key,
      record.data,
    );
  }

  async put(kind, id, value) {
    await this.store.put(await this.#seal(kind, id, utf8(JSON.stringify(value))));
  }

  async putAll(things, removes = []) {
    const puts = [];
    for (const [kind, id, value] of things) {
      puts.push(await this.#seal(kind, id, value instanceof Uint8Array ? value : utf8(JSON.stringify(value))));
    }
    await this.store.change(puts, removes.map(([kind, id]) => this.#id(kind, id)));
  }

  async get(kind, id) {
    const record = await this.store.get(this.#id(kind, id));
    return record ? JSON.parse(new TextDecoder().decode(await this.#open(record))) : null;
  }

  async bytes(kind, id) {
    const record = await this.store.get(this.#id(kind, id));
    return record ? new Uint8Array(await this.#open(record)) : null;
  }

  async list(kind) {
    const found = await this.store.shelf(`${this.uid}:${kind}`);
    return Promise.all(found.map(async (record) => JSON.parse(new TextDecoder().decode(await this.#open(record)))));
  }

  remove(kind, id) {
    return this.store.remove(this.#id(kind, id));
  }

  drop(kind) {
    return this.store.dropShelf(`${this.uid}:${kind}`);
  }
}
