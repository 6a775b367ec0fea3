/**
 * What all transports have in common: one stream, several ways to carry it.
 *
 * A transport opens one connection, passes every frame to `frame` in the order in which it
 * came, and calls `ended` exactly once unless the link closed it. It does not reconnect and does
 * not interpret frames.
 */
import type { Decoded } from "../../protocol/decode";
import type { Endpoint } from "../endpoint";
import type { StreamReply } from "../http";
import { type Ending, resumeParameters } from "../resume";

/** What to ask of the stream. */
export interface Subscription {
  readonly endpoint: Endpoint;
  /** Resume after this event; null replays what is pending. */
  readonly lastEventId: string | null;
  /** Without a last event: replay everything. */
  readonly beginsAgain: boolean;
  readonly types: readonly string[];
  /** Milliseconds between two heartbeats. */
  readonly beatMs: number;
}

export interface Listener {
  frame(decoded: Decoded): void;
  /** It is over: how, or the reply that refused it. */
  ended(how: Ending | StreamReply): void;
}

export interface Connection {
  /** Send a frame up; false when this connection cannot, or no longer. */
  send(frame: object): boolean;
  /** Close it; the listener is not called afterwards. */
  close(): void;
}

export type Connect = (subscription: Subscription, listener: Listener) => Connection;

/** Return the parameters that all transports share. */
export function streamParameters(
  subscription: Subscription,
  /** What comes first where there is no last event id. */
  replay: "pending" | "all" = "pending",
): Record<string, string> {
  return {
    ...resumeParameters({ ...subscription, eventId: subscription.lastEventId }, replay),
    type: subscription.types.join(","),
    texts: "brief", // `texts.ts` fetches the full texts of requests in sight
  };
}
