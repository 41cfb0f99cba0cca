// Scans that were chosen and not filed yet stay on this device, by visit and paper: a page that is drawn again after a refusal,
// a new sign-in or a power cut has them still. They go with the filing, with 不要了, with signing out, and after a week.
const NAME = "daiban-scans";
const STORE = "scans";
const KEEP_DAYS = 7;

const user = () => document.documentElement.dataset.user || "";
const visitOf = (form) => `${user()}:${form.elements.visit.value}:`;

function opened() {
  return new Promise((done, fail) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => {
      asked.result.onversionchange = () => asked.result.close();
      done(asked.result);
    };
    asked.onerror = () => fail(asked.error);
  });
}

// A browser that keeps nothing (private window, full disk) files all the same: the scans are only not there a second time.
async function work(act) {
  try {
    const base = await opened();
    const answer = await new Promise((done, fail) => {
      const turn = base.transaction(STORE, "readwrite");
      const found = act(turn.objectStore(STORE));
      turn.oncomplete = () => done(found && found.result);
      turn.onerror = () => fail(turn.error);
      turn.onabort = () => fail(turn.error);
    });
    base.close();
    return answer;
  } catch (blocked) {
    return undefined;
  }
}

const allOf = (prefix) => IDBKeyRange.bound(prefix, `${prefix}\uffff`);

export function keepScans(form, field) {
  const key = visitOf(form) + field.name;
  if (!field.files.length) return work((store) => store.delete(key));
  return work((store) => store.put({ name: field.name, files: [...field.files], at: Date.now() }, key));
}

// Into every box that has none, and tells each so that the page can name it.
export async function putScansBack(form) {
  for (const kept of (await work((store) => store.getAll(allOf(visitOf(form))))) || []) {
    const field = form.elements[kept.name] || form.querySelector(`[data-also~="${CSS.escape(kept.name)}"]`);
    if (!field || field.type !== "file" || field.files.length) continue;
    const pile = new DataTransfer();
    for (const file of kept.files) pile.items.add(file);
    field.files = pile.files;
    field.dispatchEvent(new Event("daiban:files", { bubbles: true }));
  }
}

export const dropScans = (visit) => work((store) => store.delete(allOf(`${user()}:${visit}:`)));

export function forgetScans() {
  if (window.indexedDB) indexedDB.deleteDatabase(NAME);
}

export function dropOldScans() {
  const oldest = Date.now() - KEEP_DAYS * 24 * 3600 * 1000;
  return work((store) => {
    store.openCursor().onsuccess = ({ target: { result: at } }) => {
      if (!at) return;
      if (at.value.at < oldest) at.delete();
      at.continue();
    };
  });
}
