/**
 * The rules for reconnecting a page: when, over which transport, and after which event it resumes.
 *
 * Pure tables: no I/O, and randomness is given. `link.ts` drives them with real connections.
 * `client/resume.py` has the same rules for programs, with the tables of endings written out, and
 * `tests/fixtures/resume.json` checks both with the same cases.
 *
 *   websocket ──unusable──▶ sse ──unusable──▶ poll ──unusable──▶ pause, then websocket
 *       ▲  any of them unreachable: pause, then websocket ◀─────────┘
 *       └── live on sse or poll: try websocket again beside it, now and then
 *
 * A page whose server can only be reached through the kernel has one transport, the widget's comm.
 *
 * Where a page differs from a program: a browser does not say why a WebSocket failed to open, so
 * that counts as unusable, and SSE finds out at once whether the server is there at all. A page does
 * not pause before it uses a lesser transport, because it tries the better one beside a live
 * connection.
 */
import {
  CLOSE_GOING_AWAY,
  CLOSE_SLOW_READER,
  CLOSE_TRY_AGAIN_LATER,
  RECONNECT_MAX_SECONDS,
  RECONNECT_MIN_SECONDS,
  RETRY_STATUSES,
} from "../protocol/gen";

export type Transport = "websocket" | "sse" | "poll" | "comm";
export type Phase = "connecting" | "live" | "reconnecting" | "offline";

/**
 * How an attempt, or a live connection, ended.
 *
 * - `unreachable`: the server is away; another transport would not help
 * - `unusable`: the server may be there, but this transport does not get through
 * - `forbidden`: the credentials are not sufficient
 * - `refused`: the same request will always be refused
 */
export type Ending = "unreachable" | "unusable" | "forbidden" | "refused";

export interface LinkState {
  readonly phase: Phase;
  /** The transport in use, or being tried. */
  readonly transport: Transport;
  /** Rounds in a row in which no transport got through. */
  readonly failures: number;
  /** Pauses since the last live connection. */
  readonly pauses: number;
  /** Failed attempts, in a row, to go back up to WebSocket. */
  readonly failedClimbs: number;
  readonly forbidden: boolean;
  /** The transports, best first. */
  readonly transports: readonly Transport[];
}

/** The next attempt. */
export interface Plan {
  readonly transport: Transport;
  readonly delayMs: number;
}

/** After this many failed rounds a person should know that answering is not possible now. */
const OFFLINE_AFTER = 4;

/** After this many pauses (about a minute) they grow beyond the usual cap. */
const PATIENT_AFTER = 30;

/** A tab that is left open overnight must not reconnect every two seconds. */
const PATIENT_MS = 15_000;

/** Credentials rarely become valid by themselves; a login in another tab makes them so. */
const FORBIDDEN_MS = 15_000;

/** First pause before WebSocket is tried again beside a lesser transport; it doubles … */
const UPGRADE_MIN_MS = 15_000;

/** … up to this: a proxy without WebSocket stays one. */
const UPGRADE_MAX_MS = 600_000;

/** Usual proxies close a stream that is silent for longer. */
const LONGEST_SILENCE_MS = 60_000;

/** Best first. */
export const TRANSPORTS: readonly Transport[] = ["websocket", "sse", "poll"];

export function start(transports: readonly Transport[]): LinkState {
  return {
    phase: "connecting",
    transport: best(transports),
    failures: 0,
    pauses: 0,
    failedClimbs: 0,
    forbidden: false,
    transports,
  };
}

export const START: LinkState = start(TRANSPORTS);

/** Whether a reply says "not now": nothing was done, and the same call may succeed later. */
export function isRetryStatus(status: number): boolean {
  return (RETRY_STATUSES as readonly number[]).includes(status);
}

/** Return the ending of an attempt whose reply does not have a success status. */
export function endingOfStatus(
  status: number,
  reply: { readonly transport: Transport; readonly isOwn: boolean; readonly isLast: boolean },
): Ending {
  const { transport, isOwn, isLast } = reply;
  const retry = isRetryStatus(status);
  if (retry && (isOwn || transport !== "websocket")) return "unreachable";
  if (retry || status >= 500) return isLast ? "unreachable" : "unusable";
  if ((isOwn && status !== 400) || isLast)
    return status === 401 || status === 403 ? "forbidden" : "refused";
  return "unusable";
}

/** The server's own codes for "reconnect". */
const AGAIN: readonly number[] = [CLOSE_GOING_AWAY, CLOSE_TRY_AGAIN_LATER, CLOSE_SLOW_READER];

/** Return the ending of an open WebSocket that was closed; null is a close without a frame. */
export function endingOfClose(code: number | null, wasLive: boolean): Ending {
  const again = code !== null && AGAIN.includes(code);
  if (code !== null && code >= 4400 && code < 4500 && !again) return "refused";
  return wasLive || again ? "unreachable" : "unusable";
}

/** Return the ending of a connection that was silent for too long. */
export function endingOfSilence(wasLive: boolean): Ending {
  return wasLive ? "unreachable" : "unusable";
}

/** Return the state once the first heartbeat has come: the replay is over, from here live. */
export function opened(state: LinkState, transport: Transport): LinkState {
  const failedClimbs = transport === best(state.transports) ? 0 : state.failedClimbs;
  return { ...start(state.transports), phase: "live", transport, failedClimbs };
}

type Move = "best" | "down" | "login";

/** Where to go after an ending: of a live connection, or of an attempt. */
const MOVES: Readonly<Record<"live" | "attempt", Readonly<Record<Ending, Move>>>> = {
  live: { unreachable: "best", unusable: "best", forbidden: "login", refused: "best" },
  attempt: { unreachable: "best", unusable: "down", forbidden: "login", refused: "best" },
};

/** Return the state and the next attempt after one ended, or a live connection broke. */
export function ended(
  state: LinkState,
  ending: Ending,
  random: () => number,
  /** The least time to wait, if the server named one. */
  retryAfterMs = 0,
): readonly [LinkState, Plan] {
  const wasLive = state.phase === "live";
  const move = MOVES[wasLive ? "live" : "attempt"][ending];
  const lesser = move === "down" ? below(state) : null;
  const transport = lesser ?? best(state.transports);
  const delayMs = lesser !== null ? 0 : delayOf(move, state, random);
  const plan = { transport, delayMs: Math.max(delayMs, retryAfterMs) };
  if (lesser !== null) return [{ ...state, transport }, plan];
  if (move === "login") return [{ ...state, phase: "offline", transport, forbidden: true }, plan];
  const failures = wasLive ? 0 : state.failures + 1;
  const phase = failures >= OFFLINE_AFTER ? "offline" : wasLive ? "reconnecting" : state.phase;
  return [{ ...state, phase, transport, failures, pauses: state.pauses + 1 }, plan];
}

function delayOf(move: Move, state: LinkState, random: () => number): number {
  return move === "login" ? FORBIDDEN_MS : pauseMs(state.pauses, random);
}

/** Return the state after an attempt to go up to the best transport failed. */
export function upgradeFailed(state: LinkState): LinkState {
  return { ...state, failedClimbs: state.failedClimbs + 1 };
}

/** Return when to try the best transport beside the live one, or null when it is the one. */
export function upgradeInMs(state: LinkState): number | null {
  if (state.phase !== "live" || state.transport === best(state.transports)) return null;
  return Math.min(UPGRADE_MAX_MS, UPGRADE_MIN_MS * 2 ** state.failedClimbs);
}

/** Return the pause before an attempt: exponential, capped, and half of it random. */
export function pauseMs(pauses: number, random: () => number): number {
  const cap = pauses > PATIENT_AFTER ? PATIENT_MS : RECONNECT_MAX_SECONDS * 1000;
  const full = Math.min(cap, RECONNECT_MIN_SECONDS * 1000 * 2 ** Math.min(pauses, 20));
  return full / 2 + (full / 2) * random();
}

export function best(transports: readonly Transport[]): Transport {
  return transports[0] ?? "websocket";
}

/** Whether there is no lesser transport to try. */
export function isLast(state: LinkState): boolean {
  return below(state) === null;
}

function below({ transports, transport }: LinkState): Transport | null {
  return transports[transports.indexOf(transport) + 1] ?? null;
}

/** The last event seen, which a new connection resumes after. */
export interface Cursor {
  /** Null before the first event. */
  readonly eventId: string | null;
  /** Its place in the log; 0 before the first event and after a gap. */
  readonly offset: number;
  /** The epoch of the log as it was last heard; blank before that. */
  readonly epoch: string;
  /** Whether the complete log is asked for, because the log lost history. */
  readonly beginsAgain: boolean;
}

export const NOTHING_SEEN: Cursor = { eventId: null, offset: 0, epoch: "", beginsAgain: false };

/** Return the cursor after an event, and whether the event is new behind the old one. */
export function admit(
  cursor: Cursor,
  event: { readonly event_id: string; readonly offset: number | null },
): readonly [Cursor, boolean] {
  if (event.offset === null) return [cursor, true]; // in no log, so nothing resumes after it
  if (event.offset <= cursor.offset) return [cursor, false];
  const { event_id: eventId, offset } = event;
  return [{ ...cursor, eventId, offset, beginsAgain: false }, true];
}

/** Return the cursor after a gap: the log follows from its first retained event. */
export function afterGap(cursor: Cursor, epoch: string): Cursor {
  return { ...cursor, offset: 0, epoch };
}

/**
 * Return the cursor after a heartbeat, and whether the reader must connect again.
 *
 * Another epoch without a gap means that the log lost history but has the last event, perhaps
 * because it was published again at another offset. Then there may be events before it that the
 * page has not seen, and those after it may look like earlier ones.
 */
export function afterHeartbeat(cursor: Cursor, epoch: string): readonly [Cursor, boolean] {
  const isKnown = cursor.epoch === "" || cursor.epoch === epoch;
  if (isKnown || cursor.eventId === null) return [{ ...cursor, epoch }, false];
  return [{ eventId: null, offset: 0, epoch, beginsAgain: true }, true];
}

/** Return the query parameters that resume at the cursor. */
export function resumeParameters(
  { eventId, beginsAgain }: Pick<Cursor, "eventId" | "beginsAgain">,
  /** What the reader wants first; asked for until the first event has come. */
  replay: "pending" | "all" | "none" | null,
): Record<string, string> {
  if (eventId !== null) return { last_event_id: eventId };
  if (beginsAgain) return { replay: "all" };
  return replay === null ? {} : { replay };
}

/**
 * How long a connection may be silent before it counts as lost, whatever TCP believes: two
 * heartbeats, of the interval that is expected or seen, and twice as many after a live connection
 * was lost as silent, since the server's may be slower.
 */
export class IdleTimeout {
  private learnedMs = 0;

  constructor(private readonly heartbeatMs: number) {}

  get ms(): number {
    return Math.max(2 * this.heartbeatMs, this.learnedMs);
  }

  /** Learn from two heartbeats on one connection, this far apart. */
  heartbeat(sinceLastMs: number): void {
    this.learnedMs = Math.min(2 * sinceLastMs, LONGEST_SILENCE_MS);
  }

  /** Allow more: a live connection was lost as silent. */
  expired(): void {
    this.learnedMs = Math.min(2 * this.ms, LONGEST_SILENCE_MS);
  }
}
