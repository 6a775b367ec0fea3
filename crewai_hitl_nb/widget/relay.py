"""The fourth transport: a card reaches the server through its kernel, over the widget's comm.

It is for pages whose browser cannot reach the server (VS Code, Colab, a page of another origin).
It passes the frames of a WebSocket in both directions, and a card's HTTP calls, on a background
thread. It checks what a page sends against the list in ``allow_list.py`` and rebuilds it,
because it is sent with the kernel's key. The server makes every other decision. It uses the
client; the card (``card.py``) uses it.

The browser sends these custom messages of the widget (left) and receives these (right):

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
"""The longest wait for the server, which usually runs on the kernel's machine."""

MAX_STREAMS: Final = 4
"""The most streams of one card: one for each page that shows it. A page that was killed leaves
its stream open; when there are too many, the oldest is closed."""

MAX_IN_PROGRESS: Final = 64
"""The most frames and calls of one card in progress; no real card needs more."""

MAX_NAME_CHARS: Final = 200
"""The longest id of a stream or a call, and the longest Idempotency-Key."""

UNREACHABLE: Final = 503
"""The status that a card gets if the kernel cannot reach the server."""

Send = Callable[[Mapping[str, Any]], None]


class Relay:
    """One card's connection to the server.

    Args:
        send: Sends a message to the browser; called on the relay's thread.
        scope: Returns what the card shows now, which determines what its page may access.
        endpoint: The server; None to find it.
    """

    def __init__(
        self, send: Send, scope: Callable[[], Scope], endpoint: Endpoint | None = None
    ) -> None:
        self._send = send
        self._scope = scope
        self._endpoint = endpoint
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._sockets: dict[str, ClientConnection] = {}
        self._in_progress_now = 0
        self._is_used = False

    def take(self, message: object) -> None:
        """Handle a message from the browser; returns at once, on any thread."""
        self._is_used = True
        _thread().submit(self._take(message))

    def close(self) -> None:
        """Close every stream.

        A relay that was never used starts no thread for that: the interpreter closes the remaining
        cards when it ends, and no thread can start then.
        """
        if self._is_used:
            _thread().submit(self._close())

    async def _take(self, message: object) -> None:
        name = message.get("id") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(name, str):
            _log.debug("a card sent an invalid message")
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
                _log.debug("a card sent an invalid message")

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
            return  # the browser closed the stream
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
            with self._in_progress():
                frame = frame_of(self._scope(), text)
                ref = frame.ref
                await self._check_run(frame.request_id)
                if name in self._sockets:
                    await self._sockets[name].send(frame.text, text=True)
        except HitlError as error:
            reply = encode_error(ref or _ref_of(text), error).decode()
            self._send({"kind": "frame", "id": name, "text": reply})
        except (httpx.TransportError, websockets.ConnectionClosed) as lost:
            _log.debug("a frame of a card did not reach the server: %s", type(lost).__name__)

    async def _call(self, method: str, path: str, body: object, key: object) -> tuple[int, str]:
        try:
            with self._in_progress():
                call = call_of(self._scope(), method, path, body)
                if not call.reads:
                    await self._check_run(call.request_id)
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
    def _in_progress(self) -> Iterator[None]:
        """Count a frame or a call while it is in progress.

        Raises:
            TooMany: Too many are in progress.
        """
        if self._in_progress_now >= MAX_IN_PROGRESS:
            raise TooMany(
                "this card has too many frames and calls in progress; try again in 1 s",
                retry_after=1,
            )
        self._in_progress_now += 1
        try:
            yield
        finally:
            self._in_progress_now -= 1

    async def _check_run(self, request_id: str | None) -> None:
        """Check that a request belongs to the run that the widget shows, if it shows one.

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
            raise Forbidden("a run's view may answer only the questions of its own run")

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
        raise BadRequest(f"an Idempotency-Key must have 1 to {MAX_NAME_CHARS} printable characters")
    return {"Idempotency-Key": key}


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and text.strip() == text


def _ref_of(text: str) -> str | None:
    """Return the ``ref`` of a refused frame, so that its sender can match the error."""
    try:
        ref = msgspec.json.decode(text, type=_Named).ref
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, ValueError):
        return None
    return ref[:MAX_NAME_CHARS]


class _Named(msgspec.Struct):
    ref: str


@cache
def _thread() -> LoopThread:
    """Return the thread of all relays of this process, started when the first card needs it."""
    return LoopThread("crewai-hitl-relay")
