/** The service worker that makes the app installable, and word of a newer version of it. */

let found = false;
const listeners = new Set<() => void>();

/** `base` is the path of the app. Failing is no fault: the app works without it, as on plain HTTP. */
export function registerWorker(base: string): void {
  if (!("serviceWorker" in navigator)) return;
  const script = `${base}sw.js`;
  navigator.serviceWorker.register(script, { scope: base }).then(
    (registration) => watch(registration, script),
    (error) => console.warn(error),
  );
}

function watch(registration: ServiceWorkerRegistration, script: string): void {
  const changed = async () => {
    // Without a controller it is the first worker, and as new as the page.
    if (!registration.waiting || !navigator.serviceWorker.controller) return;
    if (found || (await listsThisBuild(script))) return;
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

/**
 * Whether the worker's script names the file that runs here, as it does all files of its build. A worker goes on waiting
 * when a page loads anew, which then is of the new build already.
 */
async function listsThisBuild(script: string): Promise<boolean> {
  const response = await fetch(script).catch(() => null);
  return !response?.ok || (await response.text()).includes(new URL(import.meta.url).pathname);
}

/** Whether a newer version is there; pages come from the network first, so that loading anew brings it. */
export function newVersion(): boolean {
  return found;
}

export function onNewVersion(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
