/**
 * The fold: from events to requests and what became of them. Pure.
 *
 * The transition table is generated from the server's, and the test reads the same golden folds as
 * pytest. It knows neither transports nor screens.
 */
import {
  type Asked,
  type ClosingEvent,
  decodeClosing,
  decodePerson,
  decodeRequired,
  isClosing,
  isObject,
  type RequestEvent,
} from "./decode";
import {
  type AnsweredBy,
  type HumanInputClaimed,
  type HumanInputRequired,
  TRANSITIONS,
} from "./gen";

export type Status = (typeof TRANSITIONS)[number][2];

/** A question to a human and what became of it. */
export interface Request {
  readonly required: Asked;
  readonly status: Status;
  readonly claimedBy: AnsweredBy | null;
  /** The latest claim, if this page has heard it: a listing says only whose it is. */
  readonly claim: HumanInputClaimed | null;
  readonly completion: ClosingEvent | null;
}

/** Return the question as this event closed it, or null if it is about another one. */
export function closedBy(required: Asked, closing: ClosingEvent): Request | null {
  if (closing.request_id !== required.request_id) return null;
  const open: Request = {
    required,
    status: "pending",
    claimedBy: null,
    claim: null,
    completion: null,
  };
  return step(open, closing) ?? null;
}

/** Return the request after the event; an event without a row in the table changes nothing. */
export function step(before: Request | undefined, event: RequestEvent): Request | undefined {
  const row = TRANSITIONS.find(
    ([status, type]) => status === (before?.status ?? null) && type === event.type,
  );
  if (row === undefined) return before;
  const status = row[2];
  if (event.type === "human_input_required") {
    return { required: event, status, claimedBy: null, claim: null, completion: null };
  }
  if (before === undefined) return before;
  if (isClosing(event)) return { ...before, status, completion: event };
  if (event.type === "human_input_reminded") return { ...before, status };
  return { ...before, status, claimedBy: event.claimed_by, claim: event };
}

/** Return the requests of these events, by request id, in the order they were asked. */
export function fold(events: Iterable<RequestEvent>): Map<string, Request> {
  const requests = new Map<string, Request>();
  for (const event of events) {
    if (event.request_id === null) continue;
    const after = step(requests.get(event.request_id), event);
    if (after !== undefined) requests.set(event.request_id, after);
  }
  return requests;
}

/** Whether a tool's or a model's call waits for permission. */
export function asksPermission({ kind }: HumanInputRequired): boolean {
  return kind === "tool_approval" || kind === "llm_approval";
}

/**
 * Return the request of a listing's entry, or null when it is not one.
 *
 * The listing holds the asking event's own fields with `status`, `claimed_by` and
 * `completion` beside them.
 */
export function requestFromListing(raw: unknown): Request | null {
  if (!isObject(raw)) return null;
  const required = decodeRequired({ ...raw, type: "human_input_required" });
  if (required === null) return null;
  const status = TRANSITIONS.map((row) => row[2]).find((known) => known === raw.status);
  if (status === undefined) return null;
  return {
    required,
    status,
    claimedBy: decodePerson(raw.claimed_by),
    claim: null,
    completion: decodeClosing(raw.completion),
  };
}
