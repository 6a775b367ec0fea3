/**
 * The inbox page's service worker: it makes the page installable and opens it from notifications.
 *
 * It has no cache, so that questions and answers cannot leak after a logout. If the page cannot be
 * fetched, it shows a message that reloads the page when the server is back.
 */

/** The part of a service worker's globals that is used here (lib.webworker clashes with the DOM). */
interface Worker {
  readonly registration: { readonly scope: string };
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: { type: "window"; includeUncontrolled: boolean }): Promise<readonly Tab[]>;
    openWindow(url: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: string, listener: (event: WorkerEvent) => void): void;
}

interface Tab {
  readonly url: string;
  focus(): Promise<unknown>;
  postMessage(message: object): void;
}

interface WorkerEvent {
  readonly request: globalThis.Request;
  readonly notification: { readonly data: { readonly request: string }; close(): void };
  respondWith(response: Promise<Response>): void;
  waitUntil(work: Promise<unknown>): void;
}

const worker = globalThis as unknown as Worker;

const OFFLINE_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Not connected</title>
<style>
  body { display: grid; font: 16px/1.5 system-ui, sans-serif; margin: 0; min-height: 100vh;
    padding: 0 24px; place-content: center; text-align: center; }
  h1 { font-size: 20px; margin: 0; }
  p { margin: 8px 0 20px; max-width: 34em; }
  button { font: inherit; min-height: 44px; padding: 0 24px; }
</style>
<h1>Not connected</h1>
<p>The server cannot be reached. Questions are not stored on this device. The page reloads when
the server is back.</p>
<div><button onclick="location.reload()">Try again</button></div>
<script>
  addEventListener("online", () => location.reload());
  setInterval(async () => {
    try { await fetch(location.href, { method: "HEAD" }); location.reload(); } catch {}
  }, 5000);
</script>
</html>`;

worker.addEventListener("install", (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("fetch", (event) => {
  if (event.request.mode !== "navigate") return;
  event.respondWith(fetch(event.request).catch(offline));
});

worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data.request));
});

function offline(): Response {
  return new Response(OFFLINE_PAGE, {
    status: 503,
    headers: { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" },
  });
}

/** Show a request in a tab that is open, or in a new one. */
async function show(request: string): Promise<void> {
  const { scope } = worker.registration;
  const tabs = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const tab = tabs.find(({ url }) => url.startsWith(scope) || url === scope);
  if (tab === undefined) {
    await worker.clients.openWindow(`${scope}#request=${encodeURIComponent(request)}`);
    return;
  }
  tab.postMessage({ request });
  await tab.focus();
}
