// Keeps the till's pages, styles and sounds for when the line is cut. `SHELL` stands above, written
// by the server. It never touches /api, streams, hooks or anything that is not a GET.

const CACHE = `shell-${SHELL.version}`;
const PAGES = "pages";
const WAIT_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(SHELL.files);
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("shell-") && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname.startsWith("/static/")) event.respondWith(kept(event.request));
  else if (event.request.mode === "navigate" && url.pathname.startsWith("/ban-hang/")
    && !url.pathname.endsWith(".pdf")) event.respondWith(fresh(event.request));
});

async function kept(request) {
  const found = await caches.match(request);
  if (found) return found;
  const answer = await fetch(request);
  if (answer.ok && answer.status === 200 && request.url.includes(SHELL.version)) {
    const cache = await caches.open(CACHE);
    await cache.put(request, answer.clone());
  }
  return answer;
}

// A page as new as the line allows: the net first, the last good copy when it is slow or gone.
async function fresh(request) {
  const pages = await caches.open(PAGES);
  const key = new URL(request.url).pathname;
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(WAIT_MS) });
    if (answer.ok && !answer.redirected) await pages.put(key, answer.clone());
    return answer;
  } catch (error) {
    const found = await pages.match(key);
    if (found) return found;
    throw error;
  }
}
