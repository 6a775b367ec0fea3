/**
 * Formatting Markdown where it cannot hold the page up: in a worker, one text after the other.
 *
 * A text that takes longer than its time loses its worker, and the next one gets another. Above it
 * is `markdown.tsx`; the worker's side is `formatting-worker.ts`.
 */
import { builtFileUrl } from "../../client/endpoint";
import { AT_ONCE_CHARS, FORMAT_MS, UNAIDED_CHARS } from "./limits";
import { markdownHtml } from "./markdown-html";

interface Job {
  readonly text: string;
  readonly signal: AbortSignal;
  readonly done: (html: string | null) => void;
}

/** A worker is there by then, or will not come: its file is out of reach. */
const START_MS = 10_000;

/** Texts that cost too much are not tried again. */
const MOST_REFUSED = 30;

const FILE = "markdown-worker.js";

/** Return the HTML of a text, null where it is to be shown plain, or undefined: `format` it. */
export function formattedAtOnce(text: string): string | null | undefined {
  if (text.length <= AT_ONCE_CHARS) return markdownHtml(text);
  return formatter.isRefused(text) ? null : undefined;
}

/** Format a text; null where it is to be shown plain. It never resolves once it was given up. */
export function format(text: string, signal: AbortSignal): Promise<string | null> {
  return formatter.format(text, signal);
}

/** Let this script, as a worker, format texts; for scripts that call `serveFormatting`. */
export function formatBy(script: string): void {
  formatter.scripts.unshift(() => script);
}

class Formatter {
  /** Where a worker's script may be had, the best first; those that do not work are dropped. */
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

  /** Give the job to a worker; false where the page has none. */
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

  /** The text took too long, or its worker did not come: then another script is tried. */
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
