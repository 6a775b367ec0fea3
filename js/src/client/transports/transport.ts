/**
 * What the three transports have in common: one meaning, three ways to carry it.
 *
 * A transport opens one connection, hands every frame to `frame` in the order in which it
 * came, and calls `ended` exactly once unless it was closed from here. It neither reconnects
 * nor judges what it carries.
 */
import type { Decoded } from "../../protocol/decode";
import type { Endpoint } from "../endpoint";
import type { Ending } from "../resume";

/** What to ask of the stream. */
export interface Subscription {
  readonly endpoint: Endpoint;
  /** Resume after this event; null replays what is pending. */
  readonly lastEventId: string | null;
  readonly types: readonly string[];
  /** Milliseconds between two heartbeats. */
  readonly beatMs: number;
}

export interface Listener {
  frame(decoded: Decoded): void;
  /** It is over; `leaveMs` is how long the server asked to be left alone. */
  ended(ending: Ending, leaveMs?: number): void;
}

export interface Connection {
  /** Send a frame up; false when this connection cannot (any more). */
  send(frame: object): boolean;
  /** Close it; nothing is heard of it afterwards. */
  close(): void;
}

export type Connect = (subscription: Subscription, listener: Listener) => Connection;

/** Return the parameters that all three transports share. */
export function streamParameters(subscription: Subscription): Record<string, string | null> {
  return {
    last_event_id: subscription.lastEventId,
    replay: subscription.lastEventId === null ? "pending" : null,
    type: subscription.types.join(","),
    texts: "brief", // of what is in sight the whole is fetched (`texts.ts`)
  };
}

/**
 * A proxy that has nobody behind it: the server is away, and so for every transport. 424 is
 * what a JupyterHub says of a server that it has stopped; 429 is a limit, of every transport.
 */
const NOBODY_THERE = new Set([424, 429, 502, 503, 504]);

/** Return how an attempt ended, by the status that the server answered. */
export function endingOf(status: number): Ending {
  if (status === 401 || status === 403) return "forbidden";
  return NOBODY_THERE.has(status) ? "unreachable" : "refused";
}
