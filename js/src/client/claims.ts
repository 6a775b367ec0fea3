/**
 * Says to others that a person is writing an answer, and knows which claims are this page's own.
 *
 * A claim is an event of the log, so it is made when typing begins and again only from time to time.
 * Nothing releases it: a claim that is not renewed is over (`WRITING_MS`), as after a pause or when
 * the page is left.
 */

import { isObject } from "../protocol/decode";
import type { HumanInputClaimed } from "../protocol/gen";
import type { Endpoint } from "./endpoint";
import { post } from "./http";

/** How often typing renews a claim, and how long one counts. */
const RENEW_MS = 15_000;
export const WRITING_MS = 25_000;

export class Claims {
  private readonly claimedAt = new Map<string, number>();
  private readonly underWay = new Set<string>();
  private readonly own = new Set<string>();

  constructor(
    private readonly endpoint: Endpoint,
    private readonly changed: () => void,
  ) {}

  /** Somebody types an answer on this page. */
  async typing(requestId: string, via: string): Promise<void> {
    const now = performance.now();
    if (now - (this.claimedAt.get(requestId) ?? Number.NEGATIVE_INFINITY) < RENEW_MS) return;
    this.claimedAt.set(requestId, now);
    this.underWay.add(requestId);
    const path = `requests/${encodeURIComponent(requestId)}/claim`;
    const reply = await post(this.endpoint, path, { via }, {});
    this.underWay.delete(requestId);
    // Without it others only do not know: an answer needs no claim.
    const event = reply.kind === "ok" && isObject(reply.body) ? reply.body.event : null;
    if (isObject(event) && typeof event.event_id === "string") this.own.add(event.event_id);
    this.changed();
  }

  /** Whether a claim is by this page; the stream may bring it before the reply does. */
  isOwn({ event_id, request_id }: HumanInputClaimed): boolean {
    return this.own.has(event_id) || this.underWay.has(request_id);
  }
}
