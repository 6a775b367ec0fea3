/**
 * Formats Markdown in a worker, one text after the other, so that it cannot block the page.
 *
 * If a text exceeds its time limit, its worker is terminated and the next text gets a new one. Used
 * by `markdown.tsx`; the worker is `formatting-worker.ts`.
 */
import { builtFileUrl } from "../../client/endpoint";
import { AT_ONCE_CHARS, FORMAT_MS, UNAIDED_CHARS } from "./limits";
import { markdownHtml } from "./markdown-html";

interface Job {
  readonly text: string;
  readonly signal: AbortSignal;
  readonly done: (html: string | null) => void;
}

/** How long a worker may take to start; after that its file counts as unreachable. */
const START_MS = 10_000;

/** Number of texts that exceeded the limits and are not tried again. */
const MOST_REFUSED = 30;

const FILE = "markdown-worker.js";

/** Return the HTML of a text, null to show it plain, or undefined if `format` has to do it. */
export function formattedAtOnce(text: string): string | null | undefined {
  if (text.length <= AT_ONCE_CHARS) return markdownHtml(text);
  return formatter.isRefused(text) ? null : undefined;
}

/** Format a text; null means to show it plain. Never resolves after `signal` is aborted. */
export function format(text: string, signal: AbortSignal): Promise<string | null> {
  return formatter.format(text, signal);
}

/** Use this script as the worker; it has to call `serveFormatting`. */
export function formatBy(script: string): void {
  formatter.scripts.unshift(() => script);
}

class Formatter {
  /** Sources of the worker's script, best first; those that fail are dropped. */
  readonly scripts: (() => string | null)[] = [() => builtFileUrl(FILE)?.href ?? null];
  private readonly queue: Job[] = [];
  private readonly refused = new Set<string>();
  private job: Job | null = null;
  private worker: Worker | null = null;
  private ready = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  isRefused(text: string): boolean {
    return this.refused.has(text);
  }

  format(text: string, signal: AbortSignal): Promise<string | null> {
    return new Promise((done) => {
      this.queue.push({ text, signal, done });
      this.next();
    });
  }

  private next(): void {
    while (this.job === null) {
      const job = this.queue.shift();
      if (job === undefined) return;
      if (job.signal.aborted) continue;
      this.job = job;
      if (!this.begin()) this.end(unaided(job.text));
    }
  }

  /** Give the job to a worker; false if the page has none. */
  private begin(): boolean {
    this.worker ??= this.start();
    if (this.worker === null) return false;
    if (this.ready) this.hand(this.worker);
    else this.timer = setTimeout(() => this.failed(), START_MS);
    return true;
  }

  private start(): Worker | null {
    if (typeof Worker === "undefined") return null;
    for (;;) {
      const script = this.scripts[0];
      if (script === undefined) return null;
      const url = script();
      try {
        if (url !== null) return this.listened(new Worker(url, { type: "module" }));
      } catch {
        // The page's policy forbids it.
      }
      this.scripts.shift();
    }
  }

  private listened(worker: Worker): Worker {
    worker.onmessage = ({ data }) => {
      if (this.worker !== worker) return;
      if (!this.ready) {
        this.ready = true;
        this.hand(worker);
      } else {
        this.end(typeof data?.html === "string" ? data.html : null);
        this.next();
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      if (this.worker === worker) this.failed();
    };
    return worker;
  }

  private hand(worker: Worker): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.failed(), FORMAT_MS);
    worker.postMessage(this.job?.text);
  }

  /** Handle a text that took too long, or a worker that did not start: then try another script. */
  private failed(): void {
    clearTimeout(this.timer);
    this.worker?.terminate();
    this.worker = null;
    if (this.ready) {
      this.ready = false;
      this.end(null);
    } else {
      this.scripts.shift();
      if (this.job !== null && !this.begin()) this.end(unaided(this.job.text));
    }
    this.next();
  }

  private end(html: string | null): void {
    clearTimeout(this.timer);
    const job = this.job;
    this.job = null;
    if (job === null) return;
    if (html === null && this.refused.size < MOST_REFUSED) this.refused.add(job.text);
    job.done(html);
  }
}

function unaided(text: string): string | null {
  return text.length <= UNAIDED_CHARS ? markdownHtml(text) : null;
}

const formatter = new Formatter();
