/**
 * Stream by long-poll: `poll/human-input`, one held call after the other.
 *
 * Turns a reply into the frames that the other transports carry: the gap, the events, and a
 * heartbeat, because a reply delivers everything up to its end. The server holds a call for one
 * heartbeat interval, so that a dead connection shows as soon as on the other transports.
 */
import { decodeFrame, isObject } from "../../protocol/decode";
import { PAGE_EVENTS } from "../../protocol/gen";
import { type Endpoint, urlOf } from "../endpoint";
import { streamReply } from "../http";
import { type Connection, type Listener, type Subscription, streamParameters } from "./transport";

export function connectPoll(subscription: Subscription, listener: Listener): Connection {
  const abort = new AbortController();
  void run(subscription, listener, abort.signal);
  return { send: () => false, close: () => abort.abort() };
}

async function run(subscription: Subscription, listener: Listener, signal: AbortSignal) {
  let parameters = streamParameters(subscription);
  let replay: "pending" | "all" = "pending"; // as long as no event has come
  let hold = 0; // the first call is answered at once, so that the replay is not held up
  try {
    while (!signal.aborted) {
      const response = await call(subscription.endpoint, parameters, hold, signal);
      const reply: unknown = response.ok ? await response.json() : null;
      if (!isObject(reply)) {
        listener.ended(response.ok ? "unusable" : await streamReply(response));
        return;
      }
      deliver(reply, listener, signal);
      if (gapOf(reply).length > 0) replay = "all"; // what is kept follows a gap
      parameters = streamParameters({ ...subscription, lastEventId: lastIdOf(reply) }, replay);
      hold = subscription.beatMs / 1000; // behind a full page the server answers at once anyway
    }
  } catch {
    // The link only has to know that the connection is over, whatever broke it.
    if (!signal.aborted) listener.ended("unreachable");
  }
}

function call(
  endpoint: Endpoint,
  parameters: Readonly<Record<string, string>>,
  hold: number,
  signal: AbortSignal,
): Promise<Response> {
  const url = urlOf(endpoint, "poll/human-input", { ...parameters, timeout: `${hold}` });
  return fetch(url, { headers: endpoint.headers(), cache: "no-store", signal });
}

/** Null before the first event, and after a gap behind which nothing is kept. */
function lastIdOf(reply: Record<string, unknown>): string | null {
  return typeof reply.last_event_id === "string" ? reply.last_event_id : null;
}

function gapOf({ gap }: Record<string, unknown>): readonly unknown[] {
  return gap === undefined || gap === null ? [] : [gap];
}

function deliver(reply: Record<string, unknown>, listener: Listener, signal: AbortSignal) {
  const events = Array.isArray(reply.events) ? reply.events : [];
  const top: unknown = events.at(-1);
  const heartbeat = {
    type: "heartbeat",
    timestamp: new Date().toISOString(),
    epoch: reply.epoch,
    offset: isObject(top) && typeof top.offset === "number" ? top.offset : 0,
  };
  // Otherwise the replay continues in the next reply; a page may also be full by its bytes.
  const isComplete = events.length < PAGE_EVENTS && reply.more !== true;
  for (const frame of [...gapOf(reply), ...events, ...(isComplete ? [heartbeat] : [])]) {
    if (signal.aborted) return;
    listener.frame(decodeFrame(frame));
  }
}
