/**
 * Stream by WebSocket: `ws/human-input`, events down, answers up.
 *
 * A missing right is refused before the upgrade, and a browser hides why an upgrade failed:
 * every end is therefore `refused`, and the next transport down finds out.
 */
import { decodeText } from "../../protocol/decode";
import { socketUrl, urlOf } from "../endpoint";
import { type Connection, type Listener, type Subscription, streamParameters } from "./transport";

export function connectWebSocket(subscription: Subscription, listener: Listener): Connection {
  const { endpoint } = subscription;
  const url = urlOf(endpoint, "ws/human-input", {
    ...streamParameters(subscription),
    // A browser sets no headers on a WebSocket, and a cookie alone is not enough.
    _xsrf: endpoint.headers()["X-XSRFToken"] ?? null,
  });
  const socket = new WebSocket(socketUrl(url));
  const detach = new AbortController();
  const signal = detach.signal;
  socket.addEventListener(
    "message",
    ({ data }) => listener.frame(decodeText(typeof data === "string" ? data : "")),
    { signal },
  );
  const over = () => {
    detach.abort();
    listener.ended("refused");
  };
  // Browsers close after every error; Node's WebSocket, in the tests, does not always.
  socket.addEventListener("error", over, { signal });
  socket.addEventListener("close", over, { signal });
  return {
    send(frame) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(frame));
      return true;
    },
    close() {
      detach.abort();
      socket.close();
    },
  };
}
