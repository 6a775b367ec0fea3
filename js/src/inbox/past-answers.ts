/**
 * Fetches the questions that have ended, newest first, as far back as a period needs.
 *
 * It keeps of each only what the numbers need (`insights.ts`), so that ten thousand of them are a
 * few megabytes. The rights are those of the listing: a limited key gets its own questions.
 */
import type { Endpoint } from "../client/endpoint";
import { get } from "../client/http";
import { isObject } from "../protocol/decode";
import { requestFromListing } from "../protocol/state";
import { type Decided, decidedFrom } from "./insights";

export type Reading = "reading" | "ready" | "failed" | "forbidden";

/** Questions of one call: the most that the server lists at once. */
const PAGE_REQUESTS = 500;

/** Questions that are counted at most, so that a long log does not fill the page's memory. */
export const MOST_REQUESTS = 50_000;

export class PastAnswers {
  decided: readonly Decided[] = [];
  reading: Reading = "reading";

  private cursor: string | null = null;
  private isAtEnd = false;
  private turn = 0;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly changed: () => void,
  ) {}

  /** Whether older questions are not counted, because there are too many. */
  get isCut(): boolean {
    return !this.isAtEnd && this.decided.length >= MOST_REQUESTS;
  }

  /** Fetch what was asked since then and is not here yet. */
  async readSince(since: number): Promise<void> {
    const turn = ++this.turn;
    this.become("reading");
    while (!this.isAtEnd && !this.reachesBack(since) && this.decided.length < MOST_REQUESTS) {
      const query = new URLSearchParams({ status: "closed", order: "newest", texts: "brief" });
      query.set("limit", String(PAGE_REQUESTS));
      if (this.cursor !== null) query.set("cursor", this.cursor);
      const reply = await get(this.endpoint, `requests?${query}`);
      if (turn !== this.turn) return;
      if (reply.kind !== "ok" || !isObject(reply.body) || !Array.isArray(reply.body.requests)) {
        const refused = reply.kind === "refused" && [401, 403].includes(reply.refusal.status);
        return this.become(refused ? "forbidden" : "failed");
      }
      this.take(reply.body.requests, reply.body.next);
      this.become("reading");
    }
    this.become("ready");
  }

  stop(): void {
    this.turn++;
  }

  private take(listed: readonly unknown[], next: unknown): void {
    const found = listed.map(requestFromListing).flatMap((one) => (one === null ? [] : [one]));
    this.decided = [...this.decided, ...found.map(decidedFrom)];
    this.cursor = typeof next === "string" ? next : null;
    this.isAtEnd = this.cursor === null;
  }

  /** Whether a full page before that time is here: a publisher's times need not be in order. */
  private reachesBack(since: number): boolean {
    const last = this.decided.slice(-PAGE_REQUESTS);
    return last.length > 0 && last.every(({ askedAt }) => askedAt < since);
  }

  private become(reading: Reading): void {
    this.reading = reading;
    this.changed();
  }
}
