// Answers with the files of the page without a network. The build fills in what they are and their digest.

const FILES = "@FILES@";
/** Files that are kept once they were used. */
const LATER = "@LATER@";
const NAME = "gradus-page-@DIGEST@";

self.addEventListener("install", (event) => {
  const fresh = FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(fresh)));
});

self.addEventListener("activate", (event) => {
  const others = (names) => names.filter((name) => name.startsWith("gradus-page-") && name !== NAME);
  event.waitUntil(caches.keys().then((names) => Promise.all(others(names).map((name) => caches.delete(name)))));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(NAME);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return kept;
  const response = await fetch(request);
  const name = new URL(request.url).pathname.split("/").at(-1);
  if (response.ok && LATER.includes(name)) await cache.put(request, response.clone());
  return response;
}
