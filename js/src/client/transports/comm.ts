/**
 * Stream over the widget's comm: the kernel passes the frames of `ws/human-input` on.
 *
 * For pages that cannot reach the server. A kernel that is busy with a plain cell may read no
 * message until the cell ends; then no frame comes and the link gives the attempt up.
 */
import { decodeText } from "../../protocol/decode";
import { type Connection, type Listener, type Subscription, streamParameters } from "./transport";

export function connectComm(subscription: Subscription, listener: Listener): Connection {
  const { channel } = subscription.endpoint;
  if (channel === undefined) throw new Error("this endpoint has no channel through a kernel");
  const stream = channel.open(streamParameters(subscription), {
    text: (frame) => listener.frame(decodeText(frame)),
    // The kernel passes on what the server itself replied.
    ended: (status) => listener.ended({ status, isOwn: true, retryAfterMs: 0 }),
  });
  return { send: (frame) => stream.send(JSON.stringify(frame)), close: stream.close };
}
