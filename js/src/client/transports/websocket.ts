/**
 * Stream by WebSocket: `ws/human-input`, events down, answers up.
 *
 * The server refuses a missing permission before the upgrade, and a browser hides why an upgrade
 * failed. A failed upgrade is therefore `unusable`, and the next transport finds out.
 */
import { decodeText } from "../../protocol/decode";
import { socketUrl, urlOf } from "../endpoint";
import { type Ending, endingOfClose } from "../resume";
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
  let isOpen = false;
  const over = (ending: Ending) => {
    detach.abort();
    listener.ended(ending);
  };
  socket.addEventListener("open", () => (isOpen = true), { signal });
  // Browsers close after every error; Node's WebSocket, in the tests, does not always.
  socket.addEventListener("error", () => over("unusable"), { signal });
  socket.addEventListener(
    "close",
    ({ code }) => over(isOpen ? endingOfClose(code, false) : "unusable"),
    { signal },
  );
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
