/**
 * The closed requests, newest question first, page by page from the server's listing.
 *
 * What closes while one looks is put in by the caller, who hears of it. Replies that belong to
 * an older query are dropped, so that quick changes of a filter cannot mix two lists.
 */
import { isObject } from "./decode";
import type { Endpoint } from "./endpoint";
import { get } from "./http";
import { type Request, requestFromListing } from "./state";

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

  /** Begin anew with these parameters of the listing. */
  async open(query: Readonly<Record<string, string>>): Promise<void> {
    this.query = query;
    this.cursor = null;
    this.become({ phase: "loading", requests: [], more: true });
    await this.load();
  }

  /** Fetch the next older page. */
  async older(): Promise<void> {
    if (this.pages.phase === "loading") return;
    this.become({ ...this.pages, phase: "loading" });
    await this.load();
  }

  stop(): void {
    this.turn++;
  }

  private async load(): Promise<void> {
    const turn = ++this.turn;
    const query = new URLSearchParams({
      ...this.query,
      order: "newest",
      limit: String(PAGE_REQUESTS),
    });
    if (this.cursor !== null) query.set("cursor", this.cursor);
    const reply = await get(this.endpoint, `requests?${query}`);
    if (turn !== this.turn) return;
    if (reply.kind !== "ok" || !isObject(reply.body) || !Array.isArray(reply.body.requests)) {
      const refused = reply.kind === "refused" && [401, 403].includes(reply.refusal.status);
      this.become({ ...this.pages, phase: refused ? "forbidden" : "failed" });
      return;
    }
    const { requests, next } = reply.body;
    this.cursor = typeof next === "string" ? next : null;
    this.become({
      phase: "ready",
      requests: [...this.pages.requests, ...requests.map(requestFromListing).filter(isRequest)],
      more: this.cursor !== null,
    });
  }

  private become(pages: Pages): void {
    this.pages = pages;
    this.changed();
  }
}

/** Put together what was listed and what this page heard, each request once, newest first. */
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
