/**
 * How a client comes back: the cursor, the pauses, the choice of transport. Pure.
 *
 * `link.ts` drives it with real connections; it is given randomness and knows no clock.
 *
 *   websocket ──refused──▶ sse ──refused──▶ poll ──refused──▶ pause, then websocket
 *       ▲  any of them unreachable: pause, then websocket ◀──────┘
 *       └── live on sse or poll: try websocket again beside it, now and then
 *
 * That is the ladder of a page of the server's own; where only the kernel reaches the server
 * the ladder has one rung, the widget's comm.
 *
 * A browser does not say why a WebSocket failed to open, so a failed opening counts as
 * refused and SSE, read by `fetch`, finds out at once whether the server is there at all.
 */
import { RECONNECT_MAX_SECONDS, RECONNECT_MIN_SECONDS } from "../protocol/gen";

export type Transport = "websocket" | "sse" | "poll" | "comm";
export type Phase = "connecting" | "live" | "reconnecting" | "offline";

/**
 * How an attempt, or a live connection, ended.
 *
 * - `unreachable`: nobody answered, or "not now"; another transport would not help
 * - `refused`: somebody answered, but this transport does not get through
 * - `forbidden`: the credentials do not suffice
 */
export type Ending = "unreachable" | "refused" | "forbidden";

export interface LinkState {
  readonly phase: Phase;
  /** The transport in use, or being tried. */
  readonly transport: Transport;
  /** Rounds in a row in which no transport got through. */
  readonly failures: number;
  /** Vain attempts, in a row, to go back up to WebSocket. */
  readonly upgrades: number;
  readonly forbidden: boolean;
  /** The transports, best first. */
  readonly ladder: readonly Transport[];
}

/** The next attempt. */
export interface Plan {
  readonly transport: Transport;
  readonly delayMs: number;
}

/** After this many failed rounds a person should know that answering is not possible now. */
const OFFLINE_AFTER = 4;

/** After this many failed rounds (about a minute) the pauses grow beyond the usual cap. */
const PATIENT_AFTER = 30;

/** A tab left open over night must not knock every two seconds. */
const PATIENT_MS = 15_000;

/** Credentials rarely mend themselves; a login in another tab does. */
const FORBIDDEN_MS = 15_000;

/** First pause before WebSocket is tried again beside a lesser transport; it doubles … */
const UPGRADE_MIN_MS = 15_000;

/** … up to this: a proxy without WebSocket stays one. */
const UPGRADE_MAX_MS = 600_000;

export const LADDER: readonly Transport[] = ["websocket", "sse", "poll"];

export function start(ladder: readonly Transport[]): LinkState {
  const transport = top(ladder);
  return { phase: "connecting", transport, failures: 0, upgrades: 0, forbidden: false, ladder };
}

export const START: LinkState = start(LADDER);

/** Return the state once the first heartbeat has come: the replay is over, from here live. */
export function opened(state: LinkState, transport: Transport): LinkState {
  const upgrades = transport === top(state.ladder) ? 0 : state.upgrades;
  return { ...state, phase: "live", transport, failures: 0, upgrades, forbidden: false };
}

/** Return the state and the next attempt after one ended, or a live connection broke. */
export function ended(
  state: LinkState,
  ending: Ending,
  random: () => number,
  /** How long the server asked to be left alone. */
  leaveMs = 0,
): readonly [LinkState, Plan] {
  const [next, plan] = judged(state, ending, random);
  return [next, { ...plan, delayMs: Math.max(plan.delayMs, leaveMs) }];
}

function judged(
  state: LinkState,
  ending: Ending,
  random: () => number,
): readonly [LinkState, Plan] {
  const transport = top(state.ladder);
  if (ending === "forbidden") {
    const next: LinkState = { ...state, phase: "offline", transport, forbidden: true };
    return [next, { transport, delayMs: FORBIDDEN_MS }];
  }
  if (state.phase === "live") {
    const next: LinkState = { ...state, phase: "reconnecting", transport };
    return [next, { transport, delayMs: pauseMs(0, random) }];
  }
  const lesser = ending === "refused" ? below(state) : null;
  if (lesser !== null)
    return [
      { ...state, transport: lesser },
      { transport: lesser, delayMs: 0 },
    ];
  const failures = state.failures + 1;
  const phase = failures >= OFFLINE_AFTER ? "offline" : state.phase;
  const next: LinkState = { ...state, phase, transport, failures };
  return [next, { transport, delayMs: pauseMs(failures, random) }];
}

/** Return the state after an attempt to go up to the best transport failed. */
export function upgradeFailed(state: LinkState): LinkState {
  return { ...state, upgrades: state.upgrades + 1 };
}

/** Return when to try the best transport beside the live one, or null when it is the one. */
export function upgradeInMs(state: LinkState): number | null {
  if (state.phase !== "live" || state.transport === top(state.ladder)) return null;
  return Math.min(UPGRADE_MAX_MS, UPGRADE_MIN_MS * 2 ** state.upgrades);
}

/** Return the pause before the next round: exponential, half of it random. */
export function pauseMs(failures: number, random: () => number): number {
  const cap = failures > PATIENT_AFTER ? PATIENT_MS : RECONNECT_MAX_SECONDS * 1000;
  const full = Math.min(cap, RECONNECT_MIN_SECONDS * 1000 * 2 ** Math.min(failures, 20));
  return full / 2 + (full / 2) * random();
}

export function top(ladder: readonly Transport[]): Transport {
  return ladder[0] ?? "websocket";
}

function below({ ladder, transport }: LinkState): Transport | null {
  return ladder[ladder.indexOf(transport) + 1] ?? null;
}

/** The last event seen: where a new connection goes on. */
export interface Cursor {
  readonly eventId: string;
  readonly offset: number;
}

/** Return the cursor after an event, and whether the event is new behind the old one. */
export function admit(
  cursor: Cursor | null,
  event: { readonly event_id: string; readonly offset: number | null },
): readonly [Cursor | null, boolean] {
  if (event.offset === null) return [cursor, true];
  if (cursor !== null && event.offset <= cursor.offset) return [cursor, false];
  return [{ eventId: event.event_id, offset: event.offset }, true];
}
