"""A publisher at full speed: one event per call, the next as soon as the last one has its place.

``python -m tests.soak.publisher PORT TOKEN RATE SIZE`` publishes until its input ends and then
says how many there were. RATE is the most per second, and 0 leaves it to the server; SIZE is
that of an event's text.
"""

import http.client
import json
import sys
import threading
import time

from tests.soak.crowd import FLOOD


def main() -> None:
    """Publish until the end of the input."""
    port, token, rate, size = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
    ended = threading.Event()
    threading.Thread(target=_until_told, args=(ended,), daemon=True).start()
    headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began, n = time.monotonic(), 0
    filler = "x" * size
    while not ended.is_set():
        event = {
            "type": "flood",
            "event_id": f"flood-{n}",
            "execution_id": FLOOD,
            "n": n,
            "sent": time.monotonic_ns(),
            "text": filler,
        }
        connection.request("POST", "/crewai-hitl/events", json.dumps(event), headers)
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise SystemExit(f"{reply.status} {body[:200]!r}")
        n += 1
        if rate and (ahead := n / rate - (time.monotonic() - began)) > 0:
            ended.wait(ahead)
    sys.stdout.write(f"{n}\n")


def _until_told(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    main()
