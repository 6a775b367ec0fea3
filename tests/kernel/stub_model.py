"""An OpenAI-compatible model on loopback with a script: its replies come in turn.

crewAI's own client speaks to it, so tools are called natively, as by a real provider.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class StubModel:
    """The script and what came in.

    Attributes:
        requests: The bodies of the calls so far.
        url: For ``LLM(base_url=...)``.
    """

    def __init__(self, replies: list[dict[str, Any]], port: int) -> None:
        self.requests: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{port}/v1"
        self._replies = replies
        self._lock = threading.Lock()

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the next message; the last one again and again."""
        with self._lock:
            self.requests.append(request)
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    @property
    def told(self) -> list[str]:
        """What tools have told the model, in its last request."""
        return [m["content"] for m in self.requests[-1]["messages"] if m["role"] == "tool"]


def says(text: str) -> dict[str, Any]:
    """Return a message of plain text."""
    return {"role": "assistant", "content": text}


def calls(*named: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a message that calls tools."""
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": f"call_{place}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for place, (name, arguments) in enumerate(named)
        ],
    }


@contextmanager
def stub_model(*replies: dict[str, Any]) -> Iterator[StubModel]:
    """Serve a script for the length of a `with` block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            message = model.reply(json.loads(body))
            reason = "tool_calls" if message.get("tool_calls") else "stop"
            choice = {"index": 0, "message": message, "finish_reason": reason}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            answer = json.dumps(
                {
                    "id": "x",
                    "object": "chat.completion",
                    "created": 0,
                    "model": "stub",
                    "choices": [choice],
                    "usage": usage,
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *said: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    model = StubModel(list(replies), server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
