/**
 * A page for the tests of the views: jsdom's document, with everything else left to Node.
 *
 * Vitest's own jsdom environment would also replace AbortController, which Node's `fetch` then
 * refuses; for the same reason Event stays Node's. Import it before anything that draws.
 */
import { JSDOM } from "jsdom";

const dom = new JSDOM("<!doctype html><html><body></body></html>", {
  url: "http://127.0.0.1/lab",
  pretendToBeVisual: true,
});

for (const name of [
  "document",
  "DOMParser",
  "localStorage",
  "sessionStorage",
  "Node",
  "HTMLElement",
  "MutationObserver",
]) {
  define(name, dom.window[name]);
}
define("window", dom.window);

export const page = dom.window.document;

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
