"""The fourth transport: a card reaches the server through its kernel, over the widget's comm.

For pages whose browser cannot reach the server (VS Code, Colab, a page of another origin).
The frames of a WebSocket pass through here, in both directions, on a background thread; beside
them the calls that a card makes. What a page sends is held against the list in ``allow_list.py``
and written anew, because it goes on with the kernel's key. Below it is the client; above it is the
card (``card.py``). It decides nothing else: the server does.

What a browser sends, and gets back, as custom messages of the widget:

    {"kind": "open", "id", "query": {…}}      opens a stream      {"kind": "frame", "id", "text"}
    {"kind": "frame", "id", "text"}           a frame up          {"kind": "ended", "id", "status"}
    {"kind": "close", "id"}                   closes it
    {"kind": "call", "id", "method", "path",  one call            {"kind": "reply", "id", "status",
     "key", "body"}                                                "body"}
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec
import websockets
from websockets.asyncio.client import ClientConnection

from crewai_hitl_nb.client.discovery import Endpoint, find_endpoint
from crewai_hitl_nb.client.http import open_http
from crewai_hitl_nb.client.loop_thread import LoopThread
from crewai_hitl_nb.client.transports.websocket import open_connection
from crewai_hitl_nb.protocol.errors import BadRequest, Forbidden, HitlError, TooMany
from crewai_hitl_nb.protocol.frames import encode_error
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.widget.allow_list import (
    Call,
    Scope,
    call_of,
    frame_of,
    is_shown,
    stream_path,
    stream_query,
)

_log = logger(__name__)

SECONDS: Final = 10.0
"""The longest wait for the server, which is near the kernel."""

MAX_STREAMS: Final = 4
"""Streams of one card: one for each page that shows it. A page that was killed leaves its
own behind; the oldest goes when there are too many."""

MAX_UNDER_WAY: Final = 64
"""Frames and calls of one card that are being worked on; a page that sends more is no card."""

MAX_NAME_CHARS: Final = 200
"""The longest id of a stream or a call, and the longest Idempotency-Key."""

UNREACHABLE: Final = 503
"""What a card is told when the kernel cannot reach the server."""

Send = Callable[[Mapping[str, Any]], None]


class Relay:
    """One card's way to the server.

    Args:
        send: Sends a message to the browser; called on the relay's thread.
        scope: Returns what the card shows now, and so what its page may speak of.
        endpoint: Where the server is; None to find it.
    """

    def __init__(
        self, send: Send, scope: Callable[[], Scope], endpoint: Endpoint | None = None
    ) -> None:
        self._send = send
        self._scope = scope
        self._endpoint = endpoint
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._sockets: dict[str, ClientConnection] = {}
        self._under_way = 0

    def take(self, message: object) -> None:
        """Take a message from the browser; returns at once, from any thread."""
        _thread().submit(self._take(message))

    def close(self) -> None:
        """Close every stream."""
        _thread().submit(self._close())

    async def _take(self, message: object) -> None:
        name = message.get("id") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(name, str):
            _log.debug("a card sent what no card sends")
            return
        if len(name) > MAX_NAME_CHARS:
            _log.debug("a card sent an id that is too long")
            return
        match message:
            case {"kind": "open", "query": dict(query)}:
                self._open(name, query)
            case {"kind": "close"}:
                if name in self._streams:
                    self._streams[name].cancel()
            case {"kind": "frame", "text": str(text)}:
                await self._frame(name, text)
            case {"kind": "call", "method": str(method), "path": str(path)}:
                body, key = message.get("body"), message.get("key")
                status, text = await self._call(method, path, body, key)
                self._send({"kind": "reply", "id": name, "status": status, "body": text})
            case _:
                _log.debug("a card sent what no card sends")

    def _open(self, name: str, query: Mapping[Any, Any]) -> None:
        if name in self._streams:
            self._streams.pop(name).cancel()
        self._streams[name] = asyncio.ensure_future(self._stream(name, query))
        for oldest in list(self._streams)[:-MAX_STREAMS]:
            self._streams[oldest].cancel()

    async def _stream(self, name: str, query: Mapping[Any, Any]) -> None:
        status, task = UNREACHABLE, asyncio.current_task()
        try:
            scope = self._scope()
            async with open_connection(
                self._server(), stream_path(scope), stream_query(query), seconds=SECONDS
            ) as connection:
                self._sockets[name] = connection
                async for text in connection:
                    if is_shown(scope, text):
                        self._send({"kind": "frame", "id": name, "text": text})
        except HitlError as error:
            status = error.status
            _log.debug("the stream of a card ended: %s", type(error).__name__)
        except websockets.ConnectionClosed as closed:
            _log.debug("the stream of a card ended: %s", closed)
        except asyncio.CancelledError:
            return  # by the browser, which knows
        finally:
            if self._streams.get(name) is task:
                self._streams.pop(name)
                self._sockets.pop(name, None)
        self._send({"kind": "ended", "id": name, "status": status})

    async def _frame(self, name: str, text: str) -> None:
        if name not in self._sockets:
            return
        ref: str | None = None
        try:
            with self._place():
                frame = frame_of(self._scope(), text)
                ref = frame.ref
                await self._make_sure(frame.request_id)
                if name in self._sockets:
                    await self._sockets[name].send(frame.text, text=True)
        except HitlError as error:
            said = encode_error(ref or _ref_of(text), error).decode()
            self._send({"kind": "frame", "id": name, "text": said})
        except (httpx.TransportError, websockets.ConnectionClosed) as lost:
            _log.debug("a frame of a card did not reach the server: %s", type(lost).__name__)

    async def _call(self, method: str, path: str, body: object, key: object) -> tuple[int, str]:
        try:
            with self._place():
                call = call_of(self._scope(), method, path, body)
                if not call.reads:
                    await self._make_sure(call.request_id)
                reply = await self._request(call, _header_of(key))
                if call.reads and reply.is_success:
                    self._check(reply.json())
        except HitlError as error:
            return error.status, msgspec.json.encode(error.to_wire()).decode()
        except httpx.TransportError as error:
            _log.debug("a call of a card did not reach the server: %s", type(error).__name__)
            return UNREACHABLE, ""
        return reply.status_code, reply.text

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Count a frame or a call while it is under way.

        Raises:
            TooMany: The page has enough of them.
        """
        if self._under_way >= MAX_UNDER_WAY:
            raise TooMany("too much of this card is under way; try again in 1 s", retry_after=1)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _make_sure(self, request_id: str | None) -> None:
        """Make sure that a request belongs to the run that is shown, where one is.

        Raises:
            Forbidden: It does not.
        """
        scope = self._scope()
        if scope.is_run and request_id is not None:
            reply = await self._request(
                call_of(scope, "GET", f"requests/{quote(request_id, safe='')}", None)
            )
            self._check(reply.json() if reply.is_success else {})

    def _check(self, found: object) -> None:
        scope = self._scope()
        run = found.get("execution_id") if isinstance(found, dict) else None
        if scope.is_run and (run is None or run != scope.execution_id):
            raise Forbidden("a run's view may only answer the questions of its own run")

    async def _request(
        self, call: Call, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        sent = dict(headers or {})
        if call.body is not None:
            sent["Content-Type"] = "application/json"
        async with open_http(self._server(), seconds=SECONDS) as http:
            return await http.request(
                call.method, call.path, params=call.params, content=call.body, headers=sent
            )

    async def _close(self) -> None:
        for stream in list(self._streams.values()):
            stream.cancel()

    def _server(self) -> Endpoint:
        endpoint = self._endpoint or find_endpoint()
        if endpoint is None:
            raise HitlError("no crewai-hitl server was found")
        return endpoint


def _header_of(key: object) -> dict[str, str]:
    if key is None:
        return {}
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_NAME_CHARS or not _is_plain(key):
        raise BadRequest(f"an Idempotency-Key has 1 to {MAX_NAME_CHARS} printable characters")
    return {"Idempotency-Key": key}


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and text.strip() == text


def _ref_of(text: str) -> str | None:
    """Return the ``ref`` of a frame that is refused, so that its sender hears of it."""
    try:
        ref = msgspec.json.decode(text, type=_Named).ref
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, ValueError):
        return None
    return ref[:MAX_NAME_CHARS]


class _Named(msgspec.Struct):
    ref: str


@cache
def _thread() -> LoopThread:
    """Return the thread of all relays of this process, begun when the first card needs it."""
    return LoopThread("crewai-hitl-relay")
