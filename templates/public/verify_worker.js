// Keeps the offline check on this telephone. Answers of the check page are never kept: a voided paper must look voided at once.
const NAME = "daiban-verify-{{ version }}";
const KEPT = {{ kept | tojson }};
const OFFLINE = {{ offline | tojson }};

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(KEPT)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("daiban-verify-") && name !== NAME).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || address.origin !== location.origin) return;
  const path = address.pathname;
  const kept = KEPT.some((one) => one.split("?")[0] === path);
  if (!kept && event.request.mode !== "navigate") return;
  event.respondWith(
    fetch(event.request)
      .then(async (answer) => {
        if (kept && answer.ok) (await caches.open(NAME)).put(path, answer.clone());
        return answer;
      })
      .catch(async () => (await caches.match(kept ? path : OFFLINE, { ignoreSearch: true })) || Response.error()),
  );
});
