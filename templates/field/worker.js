// Keeps the field app on this telephone. Answers with anybody's data are never kept here; those lie sealed in the app's own store.
const NAME = "daiban-field-{{ version }}";
const KEPT = {{ kept | tojson }};
const SHELL = {{ shell | tojson }};
let opened;
// Opened once for as long as this worker lives: the app asks for thirty files at its start.
const kept = () => (opened ??= caches.open(NAME));

self.addEventListener("install", (event) => {
  const fresh = KEPT.map((address) => new Request(address, { cache: "reload" }));
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("daiban-field-") && name !== NAME).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== location.origin) return;
  // What is kept is asked of nobody: the app opens at once, with or without a signal; a new version comes with this file.
  if (KEPT.includes(address.pathname)) {
    event.respondWith(
      kept().then(async (cache) => (await cache.match(address.pathname)) || fetch(event.request)),
    );
    return;
  }
  if (event.request.mode !== "navigate" || address.pathname.startsWith(`${SHELL}api/`)) return;
  event.respondWith(fetch(event.request).catch(async () => (await caches.match(SHELL)) || Response.error()));
});
