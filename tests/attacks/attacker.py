"""A site of somebody else: a page of another origin that tries a server on this machine.

It stands on this machine too, on another port, which is the best that an attacker can have:
another origin, yet the same site, so that the browser sends every cookie along.
"""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from playwright.sync_api import BrowserContext, Page

Json: TypeAlias = dict[str, Any]

FORGED = ("by fetch", "by form", "by socket")
"""The events that the page tries to publish, by their ids."""

_ATTACK = """async (victim) => {
  const event = (id) => ({ type: "forged", event_id: id });
  const seen = [];
  const send = async () => {
    const init = { method: "POST", mode: "no-cors", credentials: "include" };
    await fetch(victim + "events", { ...init, body: JSON.stringify(event("by fetch")) });
  };
  const post = () => new Promise((done) => {
    document.body.innerHTML = `<iframe name=f></iframe>
      <form method=post target=f enctype=text/plain action="${victim}events"><input></form>`;
    const field = document.querySelector("input");
    field.name = '{"type":"forged","event_id":"by form","x":"';
    field.value = '"}';
    document.querySelector("iframe").onload = done;
    document.querySelector("form").submit();
  });
  const connect = () => new Promise((done) => {
    const socket = new WebSocket(victim.replace("http", "ws") + "ws/human-input");
    const publish = { type: "publish", ref: "r", events: event("by socket") };
    socket.onopen = () => socket.send(JSON.stringify(publish));
    socket.onmessage = ({ data }) => {
      seen.push(data);
      if (data.includes('"ref"')) done();
    };
    socket.onclose = done;
  });
  const read = async (credentials) => {
    const reply = await fetch(victim + "requests", { credentials });
    seen.push(await reply.text());
  };
  const listen = () => new Promise((done) => {
    const source = new EventSource(victim + "events/human-input", { withCredentials: true });
    source.onmessage = ({ data }) => { seen.push(data); source.close(); done(); };
    source.onerror = () => { source.close(); done(); };
  });
  const tries = [send, post, connect, () => read("include"), () => read("omit"), listen];
  for (const attempt of tries) await attempt().catch(() => {});
  return seen.join("\\n");
}"""


@contextmanager
def site() -> Iterator[str]:
    """Serve an empty page; yield its address."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>somebody else</title><body>")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def visit(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    return page


def attack(page: Page, victim: str) -> str:
    """Try everything from the page that is open; return all that it got to read."""
    seen: str = page.evaluate(_ATTACK, victim)
    return seen
