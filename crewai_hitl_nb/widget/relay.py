"""The fourth transport: a card reaches the server through its kernel, over the widget's comm.

For pages whose browser cannot reach the server (VS Code, Colab, a page of another origin).
The same frames as on a WebSocket pass through here unread, in both directions, on a
background thread; beside them the two calls that a card makes. Below it is the client;
above it is the card (``card.py``). It decides nothing: the server does.

What a browser sends, and gets back, as custom messages of the widget:

    {"kind": "open", "id", "query": {…}}      opens a stream      {"kind": "frame", "id", "text"}
    {"kind": "frame", "id", "text"}           a frame up          {"kind": "ended", "id", "status"}
    {"kind": "close", "id"}                   closes it
    {"kind": "call", "id", "method", "path",  one call            {"kind": "reply", "id", "status",
     "headers", "body"}                                            "body"}
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import httpx
import msgspec
import websockets
from websockets.asyncio.client import ClientConnection

from crewai_hitl_nb.client.discovery import Endpoint, find_endpoint
from crewai_hitl_nb.client.exchange import open_http
from crewai_hitl_nb.client.loop_thread import LoopThread
from crewai_hitl_nb.client.transports.websocket import open_connection
from crewai_hitl_nb.protocol.errors import HitlError

_log = logging.getLogger(__name__)

STREAM_PATH: Final = "ws/human-input"
"""The only stream that a card reads."""

CALLS: Final = re.compile(
    r"(GET requests/[^/?]+|POST requests/[^/?]+/answer"
    r"|GET poll/human-input/[^/?]+\?[^/]*|GET sources/[^/?]+)\Z"
)
"""The only calls that a card makes, or a run's view, which also publishes that the run be
cancelled; a page must not steer the kernel's right further."""

SECONDS: Final = 10.0
"""The longest wait for the server, which is near the kernel."""

MAX_STREAMS: Final = 4
"""Streams of one card: one for each page that shows it. A page that was killed leaves its
own behind; the oldest goes when there are too many."""

UNREACHABLE: Final = 503
"""What a card is told when the kernel cannot reach the server."""

Send = Callable[[Mapping[str, Any]], None]


class Relay:
    """One card's way to the server.

    Args:
        send: Sends a message to the browser; called on the relay's thread.
        endpoint: Where the server is; None to find it.
    """

    def __init__(self, send: Send, endpoint: Endpoint | None = None) -> None:
        self._send = send
        self._endpoint = endpoint
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._sockets: dict[str, ClientConnection] = {}

    def take(self, message: Mapping[str, Any]) -> None:
        """Take a message from the browser; returns at once, from any thread."""
        _thread().submit(self._take(message))

    def close(self) -> None:
        """Close every stream."""
        _thread().submit(self._close())

    async def _take(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"kind": "open", "id": str(stream_id), "query": dict(query)}:
                self._streams[stream_id] = asyncio.ensure_future(self._stream(stream_id, query))
                for oldest in list(self._streams)[:-MAX_STREAMS]:
                    self._streams[oldest].cancel()
            case {"kind": "frame", "id": str(stream_id), "text": str(text)}:
                if stream_id in self._sockets:
                    await self._sockets[stream_id].send(text, text=True)
            case {"kind": "close", "id": str(stream_id)}:
                if stream_id in self._streams:
                    self._streams[stream_id].cancel()
            case {"kind": "call", "id": str(call_id), "method": str(method), "path": str(path)}:
                status, body = await self._call(
                    method, path, body=message.get("body"), key=message.get("key")
                )
                self._send({"kind": "reply", "id": call_id, "status": status, "body": body})
            case _:
                _log.warning("a card sent what no card sends")

    async def _stream(self, stream_id: str, query: Mapping[str, Any]) -> None:
        params = {str(name): str(value) for name, value in query.items() if value is not None}
        status = UNREACHABLE
        try:
            async with open_connection(
                self._server(), STREAM_PATH, params, seconds=SECONDS
            ) as connection:
                self._sockets[stream_id] = connection
                async for text in connection:
                    self._send({"kind": "frame", "id": stream_id, "text": text})
        except HitlError as error:
            status = error.status
            _log.debug("the stream of a card ended: %s", error)
        except websockets.ConnectionClosed as closed:
            _log.debug("the stream of a card ended: %s", closed)
        except asyncio.CancelledError:
            return  # by the browser, which knows
        finally:
            self._sockets.pop(stream_id, None)
            self._streams.pop(stream_id, None)
        self._send({"kind": "ended", "id": stream_id, "status": status})

    async def _call(self, method: str, path: str, *, body: object, key: object) -> tuple[int, str]:
        if not _is_a_cards(method, path, body):
            return 403, '{"error":"forbidden","message":"a card makes no such call"}'
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if isinstance(key, str):
            headers["Idempotency-Key"] = key
        try:
            async with open_http(self._server(), seconds=SECONDS) as http:
                content = body if isinstance(body, str) else None
                reply = await http.request(method, path, content=content, headers=headers)
        except (HitlError, httpx.TransportError) as error:
            _log.debug("a call of a card did not reach the server: %s", error)
            return UNREACHABLE, ""
        return reply.status_code, reply.text

    async def _close(self) -> None:
        for stream in list(self._streams.values()):
            stream.cancel()

    def _server(self) -> Endpoint:
        endpoint = self._endpoint or find_endpoint()
        if endpoint is None:
            raise HitlError("no crewai-hitl server was found")
        return endpoint


def _is_a_cards(method: str, path: str, body: object) -> bool:
    """Return whether a card or a run's view makes such a call."""
    if (method, path) == ("POST", "events") and isinstance(body, str):
        try:
            event = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return False
        return isinstance(event, dict) and event.get("type") == "run_cancel_requested"
    return CALLS.match(f"{method} {path}") is not None and ".." not in path


@cache
def _thread() -> LoopThread:
    """Return the thread of all relays of this process, begun when the first card needs it."""
    return LoopThread("crewai-hitl-relay")
