/**
 * The audit trail of one request: every event of the log about it, oldest first.
 *
 * It is read from the log, by long-poll without waiting, from the question on. So the trail has what
 * the fold leaves out: every claim, and the reminder. Nothing is kept. Somebody who writes for a while
 * claims again and again, which is one entry.
 */
import { decodeFrame, isClosing, isObject, type RequestEvent } from "../protocol/decode";
import { EVENT_TYPES } from "../protocol/gen";
import type { Request } from "../protocol/state";
import type { Endpoint } from "./endpoint";
import { get } from "./http";

/** Events per page, and the most pages: of a busier run only the fold is shown. */
const PAGE_EVENTS = 500;
const MOST_PAGES = 20;

/** Return the trail; what the fold knows, where the log cannot be read. */
export async function loadTrail(
  endpoint: Endpoint,
  request: Request,
): Promise<readonly RequestEvent[]> {
  const { required } = request;
  const found: RequestEvent[] = [];
  let after: string | null = required.event_id;
  for (let page = 0; page < MOST_PAGES && after !== null; page++) {
    const reply = await get(endpoint, pathOf(required.execution_id, after));
    if (reply.kind !== "ok" || !isObject(reply.body) || reply.body.gap !== undefined) {
      return folded(request);
    }
    const events = Array.isArray(reply.body.events) ? reply.body.events.map(decodeFrame) : [];
    for (const decoded of events) {
      if (decoded.kind === "event" && decoded.event.request_id === required.request_id) {
        found.push(decoded.event);
      }
    }
    const { last_event_id: last } = reply.body;
    const ended = events.length === 0 || found.some(isClosing);
    after = ended || typeof last !== "string" ? null : last;
  }
  return request.completion !== null && !found.some(isClosing)
    ? folded(request)
    : [required, ...found.filter(isNoRenewal)];
}

function isNoRenewal(event: RequestEvent, at: number, all: readonly RequestEvent[]): boolean {
  const before = all[at - 1];
  if (event.type !== "human_input_claimed" || before?.type !== "human_input_claimed") return true;
  const [one, other] = [event.claimed_by, before.claimed_by];
  return one.name !== other.name || one.via !== other.via;
}

/** What is known without reading the log. */
export function folded({ required, completion }: Request): readonly RequestEvent[] {
  return completion === null ? [required] : [required, completion];
}

function pathOf(executionId: string | null, after: string): string {
  const run = executionId === null ? "" : `/${encodeURIComponent(executionId)}`;
  const query = new URLSearchParams({
    last_event_id: after,
    type: EVENT_TYPES.join(","),
    texts: "brief", // other questions of the run may be large
    limit: String(PAGE_EVENTS),
  });
  return `poll/human-input${run}?${query}`;
}
