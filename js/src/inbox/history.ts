/**
 * The closed requests, newest question first, page by page from the server's listing; or those of
 * another status, where the query names one.
 *
 * The caller adds requests that close meanwhile. Replies to an older query are dropped, so that
 * quick changes of a filter cannot mix two lists. A page of a search may hold few requests or none,
 * because the server searches a part of its log at a time; then more are fetched, up to one page of
 * the list.
 */

import type { Endpoint } from "../client/endpoint";
import { get, type Reply } from "../client/http";
import { isObject } from "../protocol/decode";
import { type Request, requestFromListing } from "../protocol/state";

export type Phase = "loading" | "ready" | "failed" | "forbidden";

export interface Pages {
  readonly phase: Phase;
  readonly requests: readonly Request[];
  /** Whether there are older ones. */
  readonly more: boolean;
}

const PAGE_REQUESTS = 50;

export class History {
  pages: Pages = { phase: "loading", requests: [], more: true };

  private query: Readonly<Record<string, string>> = {};
  private cursor: string | null = null;
  private turn = 0;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly changed: () => void,
  ) {}

  /**
   * Start over with these parameters of the listing, unless others come within the pause.
   *
   * What was listed stays until then; the view filters it meanwhile.
   */
  async open(query: Readonly<Record<string, string>>, pauseMs = 0): Promise<void> {
    const turn = ++this.turn;
    this.query = query;
    this.cursor = null;
    this.become({ ...this.pages, phase: "loading" });
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    if (turn === this.turn) await this.load([]);
  }

  /** Fetch the next older page. */
  async older(): Promise<void> {
    if (this.pages.phase === "loading") return;
    this.become({ ...this.pages, phase: "loading" });
    await this.load(this.pages.requests);
  }

  stop(): void {
    this.turn++;
  }

  private async load(listed: readonly Request[]): Promise<void> {
    const turn = ++this.turn;
    let requests = listed;
    do {
      const reply = await this.page();
      if (turn !== this.turn) return;
      if (reply.kind !== "ok" || !isObject(reply.body) || !Array.isArray(reply.body.requests)) {
        const refused = reply.kind === "refused" && [401, 403].includes(reply.refusal.status);
        this.become({ requests, more: true, phase: refused ? "forbidden" : "failed" });
        return;
      }
      const { requests: found, next } = reply.body;
      this.cursor = typeof next === "string" ? next : null;
      requests = [...requests, ...found.map(requestFromListing).filter(isRequest)];
      const enough = this.cursor === null || requests.length >= listed.length + PAGE_REQUESTS;
      this.become({ requests, more: this.cursor !== null, phase: enough ? "ready" : "loading" });
    } while (this.pages.phase === "loading");
  }

  private page(): Promise<Reply> {
    // Without pending requests: they are newer, and may be more than a page holds.
    const query = new URLSearchParams({ status: "closed", ...this.query, order: "newest" });
    query.set("limit", String(PAGE_REQUESTS));
    if (this.cursor !== null) query.set("cursor", this.cursor);
    return get(this.endpoint, `requests?${query}`);
  }

  private become(pages: Pages): void {
    this.pages = pages;
    this.changed();
  }
}

/** Merge what was listed with what the stream brought, each request once, newest first. */
export function closedOnes(
  listed: readonly Request[],
  heard: readonly Request[],
): readonly Request[] {
  const all = new Map<string, Request>();
  for (const request of [...listed, ...heard]) {
    if (request.status !== "pending") all.set(request.required.request_id, request);
  }
  return [...all.values()].sort((a, b) => offsetOf(b) - offsetOf(a));
}

function offsetOf({ required }: Request): number {
  return required.offset ?? Number.MAX_SAFE_INTEGER;
}

function isRequest(request: Request | null): request is Request {
  return request !== null;
}
