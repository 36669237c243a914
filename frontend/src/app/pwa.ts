/** The service worker that makes the app installable, and word of a newer version of it. */

let found = false;
const listeners = new Set<() => void>();

/** `base` is the path of the app. Failing is no fault: the app works without it, as on plain HTTP. */
export function registerWorker(base: string): void {
  if (!("serviceWorker" in navigator)) return;
  navigator.serviceWorker.register(`${base}sw.js`, { scope: base }).then(watch, (error) => console.warn(error));
}

function watch(registration: ServiceWorkerRegistration): void {
  const changed = () => {
    // A worker that waits is of a newer build. Without a controller it is the first, and as new as the page.
    if (!registration.waiting || !navigator.serviceWorker.controller) return;
    found = true;
    for (const listener of listeners) listener();
  };
  changed();
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", changed);
  });
  // A tab may stay open for weeks.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") registration.update().catch(() => {}); // offline
  });
}

/** Whether a newer version is there; pages come from the network first, so that loading anew brings it. */
export function newVersion(): boolean {
  return found;
}

export function onNewVersion(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
