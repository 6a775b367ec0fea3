/**
 * Fetches the texts that the stream left out of large questions, while a card shows one.
 *
 * A few at a time, and only what is still in sight when its turn comes, so that a person who
 * scrolls past hundreds fetches only those they stop at. A failure stays until it is tried again or
 * the connection is back.
 */

import { type Request, requestFromListing } from "../protocol/state";
import type { Endpoint } from "./endpoint";
import { get, type Reply } from "./http";

/** Browsers keep six connections to a server; the page needs some of them. */
const PARALLEL = 3;

const UNREACHABLE = "The server cannot be reached.";

export class Texts {
  /** The requests in sight, and how many cards show each. */
  private readonly shown = new Map<string, number>();
  private readonly underWay = new Set<string>();
  private readonly troubles = new Map<string, string>();
  private stopped = false;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly isMissing: (id: string) => boolean,
    private readonly found: (request: Request) => void,
    private readonly changed: () => void,
  ) {}

  /** Fetch for a card that shows this request; call the result when it does no longer. */
  show(id: string): () => void {
    this.shown.set(id, (this.shown.get(id) ?? 0) + 1);
    this.fetchNext();
    return () => {
      const others = (this.shown.get(id) ?? 1) - 1;
      if (others > 0) this.shown.set(id, others);
      else this.shown.delete(id);
    };
  }

  /** Why the texts of this request could not be fetched, or null. */
  trouble(id: string): string | null {
    return this.troubles.get(id) ?? null;
  }

  /** Try a failed one again, or all of them. */
  again(id?: string): void {
    if (id === undefined) this.troubles.clear();
    else this.troubles.delete(id);
    this.changed();
    this.fetchNext();
  }

  stop(): void {
    this.stopped = true;
    this.shown.clear();
  }

  private fetchNext(): void {
    for (const id of this.shown.keys()) {
      if (this.underWay.size >= PARALLEL) return;
      if (!this.isMissing(id) || this.underWay.has(id) || this.troubles.has(id)) continue;
      this.underWay.add(id);
      void this.fetch(id);
    }
  }

  private async fetch(id: string): Promise<void> {
    const reply = await get(this.endpoint, `requests/${encodeURIComponent(id)}`);
    this.underWay.delete(id);
    if (this.stopped) return;
    const request = reply.kind === "ok" ? requestFromListing(reply.body) : null;
    if (request !== null && request.required.request_id === id && !request.required.brief) {
      this.found(request);
    } else {
      this.troubles.set(id, reasonOf(reply));
      this.changed();
    }
    this.fetchNext();
  }
}

function reasonOf(reply: Reply): string {
  if (reply.kind === "refused") return reply.refusal.message;
  return reply.kind === "unreachable" ? UNREACHABLE : "The server's reply cannot be read.";
}
