/** The worker of `formatting.ts`: receives a text and returns its HTML, one at a time. */
import { markdownHtml } from "./markdown-html";

/** The part of a worker's globals that is used here (lib.webworker clashes with the DOM). */
interface Worker {
  onmessage: ((message: { readonly data: unknown }) => void) | null;
  postMessage(message: unknown): void;
}

/** Whether this script runs as a worker. */
export function isWorker(): boolean {
  return typeof document === "undefined" && "WorkerGlobalScope" in globalThis;
}

export function serveFormatting(): void {
  const worker = globalThis as unknown as Worker;
  worker.onmessage = ({ data }) => worker.postMessage({ html: markdownHtml(String(data)) });
  worker.postMessage("ready");
}
