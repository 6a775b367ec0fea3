"""Every private name of Tornado that this package uses, and a check that each of them is there.

Shortcuts past Tornado's general code need names that Tornado does not promise to keep. All of them
are used in this file only. When a server starts, :func:`find_shortcuts` looks for them in real
objects of the installed Tornado. A shortcut that misses a name is not taken: Tornado's public code
serves in its place, and one line of the log names what is missing.

Above: the shortcuts, the streams and the handlers' base. Below: Tornado. It knows nothing else of
this package. ``tests/server/fast/test_tornado_internals.py`` checks that no other file uses a
private name of Tornado.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http.cookies import Morsel
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import tornado
from tornado import web
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.websocket import WebSocketHandler, WebSocketProtocol13

from crewai_hitl_nb.protocol.log_lines import logger

_log = logger(__name__)


class Shortcuts(NamedTuple):
    """Which shortcuts a server takes; each is a module of this folder."""

    direct_writer: bool = False
    idle_websocket: bool = False
    kernel_publish: bool = False
    poll_response: bool = False


NO_SHORTCUTS: Final = Shortcuts()

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "direct_writer": ("RequestHandler._break_cycles",),
    "idle_websocket": (
        "RequestHandler._break_cycles",
        "RequestHandler._headers",
        "WebSocketProtocol13._abort",
        "WebSocketProtocol13._decompressor",
        "WebSocketProtocol13._fragmented_message_buffer",
        "WebSocketProtocol13._read_bytes",
        "WebSocketProtocol13._receive_frame",
        "WebSocketProtocol13._receive_frame_loop",
        "WebSocketProtocol13._run_callback",
        "WebSocketProtocol13._wire_bytes_in",
    ),
    "kernel_publish": (),
    "poll_response": (
        "RequestHandler._headers",
        "RequestHandler._headers_written",
        "RequestHandler._new_cookie",
    ),
}
"""The private names that each shortcut needs."""

_CALLERS: Final = {
    "_receive_frame_loop": "_accept_connection",
    "_receive_frame": "_receive_frame_loop",
    "_read_bytes": "_receive_frame",
}
"""The methods that :class:`WebSocketReading` overrides, and where Tornado must call each."""


def find_shortcuts(
    *, wanted: bool = True, needed: Mapping[str, Iterable[str]] = _NEEDED
) -> Shortcuts:
    """Return the shortcuts that this Tornado allows, and log the private names that it lacks.

    Args:
        wanted: False for none: the operator turned them off.
        needed: The names to look for, by shortcut.
    """
    if not wanted:
        return NO_SHORTCUTS
    try:
        there = _names_that_are_there()
    except Exception as error:  # noqa: BLE001 - a Tornado that cannot be probed serves plainly
        _log.warning(
            "Tornado %s cannot be probed: %s; no shortcut is taken", tornado.version, error
        )
        return NO_SHORTCUTS
    missing = {name: sorted(set(names) - there) for name, names in needed.items()}
    lacking = ", ".join(sorted({name for names in missing.values() for name in names}))
    shortcuts = ", ".join(sorted(name for name, names in missing.items() if names))
    if lacking:
        _log.warning(
            "Tornado %s lacks %s; its public code serves instead of: %s",
            tornado.version,
            lacking,
            shortcuts,
        )
    return Shortcuts(**{name: not names for name, names in missing.items()})


def _names_that_are_there() -> set[str]:
    """Return the needed names that real objects of this Tornado have."""
    connection: Any = SimpleNamespace(set_close_callback=lambda callback: None)
    headers = HTTPHeaders({"Host": "localhost", "Sec-WebSocket-Version": "13"})
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    request = HTTPServerRequest(start_line=line, headers=headers, connection=connection)
    application = web.Application()
    plain = web.RequestHandler(application, request)
    plain.set_cookie("probe", "")  # makes the place where Tornado keeps new cookies
    protocol = WebSocketHandler(application, request).get_websocket_protocol()
    objects = {"RequestHandler": plain, "WebSocketProtocol13": protocol}
    names = {name for names in _NEEDED.values() for name in names}
    return {name for name in names if _is_there(objects, *name.split("."))}


def _is_there(objects: Mapping[str, object], kind: str, name: str) -> bool:
    if not hasattr(objects[kind], name):
        return False
    if name not in _CALLERS:
        return True
    caller = getattr(WebSocketProtocol13, _CALLERS[name], None)
    code = getattr(inspect.unwrap(caller), "__code__", None) if caller is not None else None
    return code is not None and name in code.co_names


# ---- requests and their handlers


def body_is_whole(request: HTTPServerRequest, received: int) -> bool:
    """Say whether all of a request's body has come.

    Args:
        request: One whose handler takes its body as it comes.
        received: How many bytes that is so far. Where Tornado lacks the name they are compared
            with the announced length, so a body in chunks counts as unfinished.
    """
    future: asyncio.Future[None] | None = getattr(request, "_body_future", None)
    if future is not None:
        return future.done()
    return request.headers.get("Content-Length") == str(received)


def break_cycles(handler: web.RequestHandler) -> None:
    """Let a handler that outlives its request be freed without the garbage collector."""
    web.RequestHandler._break_cycles(handler)  # a WebSocket's own does nothing while it is open


def response_headers(handler: web.RequestHandler) -> HTTPHeaders:
    """Return the headers of a handler's response so far, without its cookies."""
    headers: HTTPHeaders = handler._headers
    return headers


def response_cookies(handler: web.RequestHandler) -> "list[Morsel[str]]":
    """Return the cookies that a handler's response sets."""
    return list(getattr(handler, "_new_cookie", {}).values())


def forget_response(handler: web.RequestHandler, sent: HTTPHeaders) -> None:
    """Free what a response that is out was made of.

    Args:
        handler: It sends no other response.
        sent: Stands for its headers; the same object may do for all.
    """
    handler._headers = sent
    handler.__dict__.pop("_new_cookie", None)  # Tornado looks whether it is there


def finish_written(
    handler: web.RequestHandler, written: "asyncio.Future[None]"
) -> "asyncio.Future[None]":
    """Finish a request whose whole reply was written past its handler.

    What is left is its log line, the host's metrics, and the connection's next request.

    Args:
        handler: It wrote nothing itself.
        written: Done when the reply is out.
    """

    def flush(include_footers: bool = False) -> "asyncio.Future[None]":
        return written

    handler._headers_written = True
    handler.flush = flush  # type: ignore[method-assign] # for this one reply
    return handler.finish()


# ---- WebSockets


class WebSocketReading(WebSocketProtocol13):
    """Tornado's WebSocket protocol, whose reading a subclass may change under public names.

    Tornado calls :meth:`read_frames` once, when the connection is open; that calls
    :meth:`read_frame` for each frame, and that :meth:`read_exactly` for each part of it.
    """

    __slots__ = ()

    def read_frames(self) -> Awaitable[None]:
        """Read and handle frames until the connection closes, then tell the handler."""
        return super()._receive_frame_loop()

    def read_frame(self) -> Awaitable[None]:
        """Read and handle one frame."""
        return super()._receive_frame()

    def read_exactly(self, size: int) -> Awaitable[bytes]:
        """Read exactly ``size`` bytes.

        Raises:
            StreamClosedError: The connection closed before they came.
        """
        return super()._read_bytes(size)

    def _receive_frame_loop(self) -> Any:
        return self.read_frames()

    def _receive_frame(self) -> Any:
        return self.read_frame()

    def _read_bytes(self, n: int) -> Any:
        return self.read_exactly(n)

    @property
    def fragments(self) -> int | None:
        """How many bytes there are of a message whose last fragment has not come; None: no such."""
        buffer = self._fragmented_message_buffer
        return None if buffer is None else len(buffer)

    @property
    def compressed(self) -> bool:
        """Whether the two sides agreed to compress messages."""
        return self._decompressor is not None

    def count_read(self, size: int) -> None:
        """Count bytes that were read past Tornado's own reading."""
        self._wire_bytes_in += size

    def call_handler(self, callback: Callable[..., object], *args: object) -> Any:
        """Call a method of the handler; return what to await, or None.

        One that fails is logged and ends the connection.
        """
        return self._run_callback(callback, *args)

    def abort(self) -> None:
        """Close the connection without a closing handshake."""
        self._abort()
