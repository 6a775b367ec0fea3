/**
 * Entry of the inbox page: the full inbox, the number in the title, notifications.
 *
 * The page's attributes carry what only the server knows (`inbox.html`).
 */
import { type Endpoint, pageEndpoint } from "../client/endpoint";
import { hold } from "../client/shared";
import { pendingCount, showCount } from "../inbox/badge";
import { contentsPath, encodedPath, hashOf } from "../inbox/place";
import { isObject } from "../protocol/decode";
import type { HumanInputRequired } from "../protocol/gen";
import type { InboxHost, NotebookLink } from "../view/inbox/host";
import { mountFullInbox } from "../view/inbox/mount-full";

const TITLE = document.title;

function start(): void {
  const endpoint = pageEndpoint();
  const main = document.querySelector("main");
  if (endpoint === null || main === null) return;
  mountFullInbox(main, inboxHost(endpoint));
  const { client } = hold(endpoint);
  client.subscribe(() => showCount(document, TITLE, pendingCount(client.all())));
  const parts = import("../view/inbox/parts"); // not needed for the first paint
  void parts.then(({ watchForNews }) => watchForNews(client, show)).catch(() => undefined);
  registerServiceWorker(endpoint);
  ignoreDroppedFiles();
}

function inboxHost(endpoint: Endpoint): InboxHost {
  return {
    endpoint,
    via: "inbox",
    testId: "hitl-inbox",
    ownsPage: true,
    notebookLink,
    openSettings: () => false,
  };
}

function notebookLink({ source }: HumanInputRequired): NotebookLink | null {
  const { notebooks = "", root = "" } = document.body.dataset;
  const path = source.notebook === null ? null : contentsPath(source.notebook, root);
  if (path === null || notebooks === "") return null;
  return {
    kind: "link",
    label: `Open ${path.split("/").at(-1)}`,
    href: new URL(notebooks + encodedPath(path), document.baseURI).href,
  };
}

/** A file that misses its card would be opened by the browser, in the place of the inbox. */
function ignoreDroppedFiles(): void {
  for (const type of ["dragover", "drop"] as const) {
    addEventListener(type, (event) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "none";
    });
  }
}

function show(requestId: string): void {
  location.hash = hashOf({ view: "request", id: requestId });
}

/** Register the service worker; browsers allow it only on https and localhost. */
function registerServiceWorker({ prefix }: Endpoint): void {
  const { serviceWorker } = navigator;
  if (serviceWorker === undefined) return;
  // Without it the page works, but cannot be installed and has no offline message.
  serviceWorker.register(`${prefix}service-worker.js`, { scope: prefix }).catch(() => undefined);
  serviceWorker.addEventListener("message", ({ data }) => {
    if (isObject(data) && typeof data.request === "string") show(data.request);
  });
}

start();
