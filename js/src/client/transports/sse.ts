/**
 * Stream by Server-Sent Events: `events/human-input`, read through `fetch`.
 *
 * Not by `EventSource`, which cannot send `X-XSRFToken`, as JupyterHub requires, and does not
 * distinguish a refusal from a lost connection.
 */
import { decodeText } from "../../protocol/decode";
import { urlOf } from "../endpoint";
import { streamReply } from "../http";
import { type Connection, type Listener, type Subscription, streamParameters } from "./transport";

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
      listener.ended(response.ok ? "unusable" : await streamReply(response));
      await response.body?.cancel();
      return;
    }
    await drain(response.body, listener);
    if (!signal.aborted) listener.ended("unreachable");
  } catch {
    // The link only has to know that the connection is over, whatever broke it.
    if (!signal.aborted) listener.ended("unreachable");
  }
}

async function drain(body: ReadableStream<Uint8Array>, listener: Listener) {
  const { createParser } = await import("./event-parser");
  const parser = createParser({ onEvent: ({ data }) => listener.frame(decodeText(data)) });
  const reader = body.getReader();
  const text = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(text.decode(value, { stream: true }));
  }
}
