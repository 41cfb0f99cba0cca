// What lies on the phone. Records are sealed by box.js; here nothing is readable but what belongs to nobody.
const NAME = "daiban-field";
const TABLES = ["meta", "keys", "records"];

export async function openStore(name = NAME) {
  const db = await new Promise((resolve, reject) => {
    const asked = indexedDB.open(name, 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("meta");
      asked.result.createObjectStore("keys");
      asked.result.createObjectStore("records", { keyPath: "id" }).createIndex("shelf", "shelf");
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
    asked.onblocked = () => reject(new Error("blocked"));
  });
  // Another window that wants to take the store away must not wait for this one.
  db.onversionchange = () => db.close();
  return new Store(db, name);
}

export class Store {
  constructor(db, name) {
    this.db = db;
    this.name = name;
  }

  #ask(table, mode, work) {
    return new Promise((resolve, reject) => {
      const change = this.db.transaction(table, mode);
      const asked = work(change.objectStore(table));
      change.oncomplete = () => resolve(asked ? asked.result : undefined);
      change.onerror = () => reject(change.error);
      change.onabort = () => reject(change.error);
    });
  }

  meta(key) {
    return this.#ask("meta", "readonly", (table) => table.get(key));
  }

  setMeta(key, value) {
    return this.#ask("meta", "readwrite", (table) => table.put(value, key));
  }

  key(uid) {
    return this.#ask("keys", "readonly", (table) => table.get(uid));
  }

  keepKey(uid, key) {
    return this.#ask("keys", "readwrite", (table) => table.put(key, uid));
  }

  dropKeys() {
    return this.#ask("keys", "readwrite", (table) => table.clear());
  }

  get(id) {
    return this.#ask("records", "readonly", (table) => table.get(id));
  }

  shelf(shelf) {
    return this.#ask("records", "readonly", (table) => table.index("shelf").getAll(shelf));
  }

  // Which records lie on a shelf, without taking them down.
  names(shelf) {
    return this.#ask("records", "readonly", (table) => table.index("shelf").getAllKeys(shelf));
  }

  put(record) {
    return this.#ask("records", "readwrite", (table) => table.put(record));
  }

  remove(id) {
    return this.#ask("records", "readwrite", (table) => table.delete(id));
  }

  // Several records together or not at all: an item is never without its photos.
  change(puts, removes = []) {
    return this.#ask("records", "readwrite", (table) => {
      for (const record of puts) table.put(record);
      for (const id of removes) table.delete(id);
      return null;
    });
  }

  async dropShelf(shelf) {
    await this.change([], await this.names(shelf));
  }

  async empty() {
    for (const table of TABLES) await this.#ask(table, "readwrite", (one) => one.clear());
  }

  close() {
    this.db.close();
  }
}
