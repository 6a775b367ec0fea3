/**
 * Stream by long-poll: `poll/human-input`, one held call after the other.
 *
 * A reply is turned into the frames that the other transports carry: the gap, the events,
 * and a heartbeat, since each reply says that everything up to it has been delivered. A call is
 * held for one heartbeat, so that a dead connection shows as soon as on the others.
 */
import { decodeFrame, isObject } from "../../protocol/decode";
import { PAGE_EVENTS } from "../../protocol/gen";
import { urlOf } from "../endpoint";
import { leaveMsOf } from "../http";
import {
  type Connection,
  endingOf,
  type Listener,
  type Subscription,
  streamParameters,
} from "./transport";

export function connectPoll(subscription: Subscription, listener: Listener): Connection {
  const abort = new AbortController();
  void run(subscription, listener, abort.signal);
  return { send: () => false, close: () => abort.abort() };
}

async function run(subscription: Subscription, listener: Listener, signal: AbortSignal) {
  let lastEventId = subscription.lastEventId;
  let hold = 0; // the first call answers at once, so that the replay is not held up
  try {
    while (!signal.aborted) {
      const reply = await call({ ...subscription, lastEventId }, hold, signal);
      if (reply instanceof Response) {
        listener.ended(endingOf(reply.ok ? 400 : reply.status), leaveMsOf(reply));
        return;
      }
      deliver(reply, listener, signal);
      if (typeof reply.last_event_id === "string") lastEventId = reply.last_event_id;
      hold = subscription.beatMs / 1000; // a full page's successor answers at once all the same
    }
  } catch {
    // Whatever broke, the connection is over, and that is all the link must know.
    if (!signal.aborted) listener.ended("unreachable");
  }
}

async function call(
  subscription: Subscription,
  hold: number,
  signal: AbortSignal,
): Promise<Record<string, unknown> | Response> {
  const url = urlOf(subscription.endpoint, "poll/human-input", {
    ...streamParameters(subscription),
    timeout: String(hold),
  });
  const headers = subscription.endpoint.headers();
  const response = await fetch(url, { headers, cache: "no-store", signal });
  if (!response.ok) {
    await response.body?.cancel();
    return response;
  }
  const reply: unknown = await response.json();
  return isObject(reply) ? reply : response; // a proxy's word for it
}

function deliver(reply: Record<string, unknown>, listener: Listener, signal: AbortSignal) {
  const events = Array.isArray(reply.events) ? reply.events : [];
  const gap = reply.gap === undefined || reply.gap === null ? [] : [reply.gap];
  const top: unknown = events.at(-1);
  const heartbeat = {
    type: "heartbeat",
    timestamp: new Date().toISOString(),
    epoch: reply.epoch,
    offset: isObject(top) && typeof top.offset === "number" ? top.offset : 0,
  };
  // Else the replay goes on in the next reply; a page may be full by its bytes, too.
  const whole = events.length < PAGE_EVENTS && reply.more !== true;
  for (const frame of [...gap, ...events, ...(whole ? [heartbeat] : [])]) {
    if (signal.aborted) return;
    listener.frame(decodeFrame(frame));
  }
}
