/*
 * Keeps one build of the rooms app, so that it opens without a network and at once on a slow one. Of the server's data
 * it keeps nothing: whatever is not listed here goes to the network untouched.
 */
"use strict";

const CACHES = "chatserver-app:";
const CACHE = CACHES + {{ version|safe }};
const SHELL = {{ shell|safe }};
const SCOPE = {{ scope|safe }};
const FILES = new Set({{ files|safe }});
/** A page that takes longer is shown from the cache; what is slow to answer is as good as offline. */
const PATIENCE_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([SHELL, ...FILES])));
});

// It takes over when the last page of the build before has closed: those may still load parts of theirs.
self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => names.filter((name) => name.startsWith(CACHES) && name !== CACHE))
      .then((old) => Promise.all(old.map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname.startsWith(SCOPE)) event.respondWith(page(event));
  else if (FILES.has(url.pathname) && !url.search) event.respondWith(kept(request));
});

async function kept(request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(request)) ?? fetch(request);
}

/** From the network; the kept shell when that fails, or has not answered in time. */
async function page(event) {
  const fromNetwork = fetch(event.request);
  event.waitUntil(fromNetwork.catch(() => undefined));
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, null));
  const answer = await Promise.race([fromNetwork, patience]).catch(() => null);
  if (answer && answer.status < 500) return answer;
  const shell = await caches.open(CACHE).then((cache) => cache.match(SHELL));
  return shell ?? answer ?? fromNetwork;
}
