/**
 * Stream by Server-Sent Events: `events/human-input`, read through `fetch`.
 *
 * Not `EventSource`: it cannot carry `X-XSRFToken`, which JupyterHub asks for, and does not
 * tell a refusal from a lost connection.
 */
import { createParser } from "eventsource-parser";
import { decodeText } from "../../protocol/decode";
import { urlOf } from "../endpoint";
import { leaveMsOf } from "../http";
import {
  type Connection,
  endingOf,
  type Listener,
  type Subscription,
  streamParameters,
} from "./transport";

export function connectSse(subscription: Subscription, listener: Listener): Connection {
  const abort = new AbortController();
  void read(subscription, listener, abort.signal);
  return { send: () => false, close: () => abort.abort() };
}

async function read(subscription: Subscription, listener: Listener, signal: AbortSignal) {
  try {
    const { endpoint } = subscription;
    const response = await fetch(
      urlOf(endpoint, "events/human-input", streamParameters(subscription)),
      {
        headers: { ...endpoint.headers(), Accept: "text/event-stream" },
        cache: "no-store",
        signal,
      },
    );
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    if (!response.ok || !isStream || response.body === null) {
      await response.body?.cancel();
      listener.ended(endingOf(response.status), leaveMsOf(response));
      return;
    }
    await drain(response.body, listener);
    if (!signal.aborted) listener.ended("unreachable");
  } catch {
    // Whatever broke, the connection is over, and that is all the link must know.
    if (!signal.aborted) listener.ended("unreachable");
  }
}

async function drain(body: ReadableStream<Uint8Array>, listener: Listener) {
  const parser = createParser({ onEvent: ({ data }) => listener.frame(decodeText(data)) });
  const reader = body.getReader();
  const text = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(text.decode(value, { stream: true }));
  }
}
