/**
 * Asks the server about single requests that the stream did not bring: those that were closed
 * before this page connected, and pending ones that a replay left out.
 *
 * A few calls at a time, so that a notebook full of old cards does not take all of the browser's
 * connections. A new card may be on screen before its question has reached the server, so for a
 * while "unknown" does not count.
 */

import { type Request, requestFromListing } from "../protocol/state";
import type { Endpoint } from "./endpoint";
import { get } from "./http";

export type Found = { readonly kind: "found"; readonly request: Request } | { kind: "gone" };

interface Wanted {
  readonly id: string;
  readonly attempt: number;
}

/** Browsers keep six connections to a server; the page needs some of them. */
const PARALLEL = 3;

/** A question asked less than this long ago may still be on its way to the server. */
const FRESH_MS = 60_000;

/** Pauses while it may be on its way. The stream brings it anyway; this is a safety net. */
const PAUSES_MS = [1000, 2000, 4000, 8000] as const;

export class Lookup {
  private readonly queue: Wanted[] = [];
  /** Requests that are queued, being fetched, or waiting to be fetched again. */
  private readonly open = new Set<string>();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private running = 0;
  private stopped = false;

  constructor(
    private readonly endpoint: Endpoint,
    /** Says whether the answer is still wanted. */
    private readonly wanted: (id: string) => boolean,
    private readonly found: (id: string, found: Found) => void,
  ) {}

  /** Ask about a request; `askedAt` is when its question was asked (ISO 8601). */
  ask(id: string, askedAt: string): void {
    if (this.open.has(id)) return;
    this.open.add(id);
    const age = Math.abs(Date.now() - Date.parse(askedAt));
    if (age < FRESH_MS) this.later({ id, attempt: 0 });
    else this.enqueue({ id, attempt: PAUSES_MS.length });
  }

  stop(): void {
    this.stopped = true;
    this.queue.length = 0;
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  private later(wanted: Wanted, retryAfterMs = 0): void {
    const timer = setTimeout(
      () => {
        this.timers.delete(timer);
        this.enqueue({ ...wanted, attempt: wanted.attempt + 1 });
      },
      Math.max(retryAfterMs, PAUSES_MS[Math.min(wanted.attempt, PAUSES_MS.length - 1)] ?? 0),
    );
    this.timers.add(timer);
  }

  private enqueue(wanted: Wanted): void {
    this.queue.push(wanted);
    void this.drain();
  }

  private async drain(): Promise<void> {
    if (this.running >= PARALLEL) return;
    this.running++;
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      const again = this.wanted(next.id) ? await this.fetch(next) : null;
      if (again !== null) this.later(next, again);
      else this.open.delete(next.id);
    }
    this.running--;
  }

  /** Fetch once; return the least pause before it should be tried again, or null when not. */
  private async fetch(wanted: Wanted): Promise<number | null> {
    const reply = await get(this.endpoint, `requests/${encodeURIComponent(wanted.id)}`);
    if (this.stopped) return null;
    if (reply.kind === "unreachable") return reply.retryAfterMs ?? 0;
    if (reply.kind === "ok") {
      const request = requestFromListing(reply.body);
      if (request !== null) this.found(wanted.id, { kind: "found", request });
      return null;
    }
    if (reply.refusal.status !== 404) return null;
    if (wanted.attempt < PAUSES_MS.length) return 0;
    this.found(wanted.id, { kind: "gone" });
    return null;
  }
}
