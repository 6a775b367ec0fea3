"""Tornado's HTTP server with bounds on what callers may use before they are identified.

For unidentified callers the head of a request has a size limit and a deadline, and so has its body;
their connections are capped (``auth/unidentified.py``); and when descriptors run out it stops
accepting for a moment instead of trying the same connection over and over. A handler that
identifies its caller calls ``mark_identified``, and from then on the connection no longer counts.

The standalone server uses it, and so does the listener for kernels beside a Jupyter server
(``kernel_listener.py``). A Jupyter server's own listener belongs to the host.
"""

import errno
import logging
import socket
import time
from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any, Final, cast

from tornado import httpserver, httputil, web
from tornado.http1connection import HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.ioloop import IOLoop

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.server.auth.unidentified import Proxies, UnidentifiedConnections, network_of

_log = logger(__name__)

_NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_LINE_SECONDS: Final = 60.0
"""Between two log lines about the same condition."""
_KNOWN_SECONDS: Final = 3600.0
"""How long an identified connection may be silent between two requests: Tornado's default."""


class _ThrottledLine:
    """Writes a log line at most once in a while, with the number of times since the last line."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._times = 0
        self._next = 0.0

    def count(self, times: int = 1) -> None:
        self._times += times
        if time.monotonic() >= self._next:
            note(_log, logging.WARNING, self._event, times=self._times)
            self._times, self._next = 0, time.monotonic() + _LINE_SECONDS


class ListeningSocket(socket.socket):
    """A listening socket that pauses when there is no descriptor for the next connection.

    It accepts only a few connections in a turn of the loop, so that a flood of new ones does not
    close a connection before its request could be handled (``auth/unidentified.py``).
    """

    def __init__(self, listening: socket.socket, lines: _ThrottledLine) -> None:
        super().__init__(
            listening.family, listening.type, listening.proto, fileno=listening.detach()
        )
        self.setblocking(False)
        self._lines = lines
        self._accepted = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection, or pause for a moment.

        Raises:
            BlockingIOError: There is no connection, or no descriptor for it, or other work is due.
        """
        if self._accepted == limits.ACCEPTED_IN_A_TURN:
            self._accepted = 0
            raise BlockingIOError
        try:
            accepted = super().accept()
            self._accepted += 1
            return accepted
        except OSError as error:
            self._accepted = 0
            if error.errno not in _NO_ROOM:
                raise
            self._lines.count()
            loop = IOLoop.current()
            loop.update_handler(self, 0)
            loop.call_later(limits.ACCEPT_PAUSE_SECONDS, self._resume)
            raise BlockingIOError from error

    def _resume(self) -> None:
        if self.fileno() >= 0:  # it may be closed meanwhile
            IOLoop.current().update_handler(self, IOLoop.READ)


class BoundedServer(httpserver.HTTPServer):
    """Tornado's server with these bounds. Call ``stop`` before the sockets are closed."""

    def initialize(self, application: web.Application, proxies: Sequence[str] = ()) -> None:  # type: ignore[override]
        """Take the application, and the proxies in front of it."""
        super().initialize(
            application,
            idle_connection_timeout=limits.HEAD_SECONDS,
            max_header_size=limits.MAX_HEAD_BYTES,
            max_body_size=limits.MAX_STRANGER_BODY_BYTES,
            body_timeout=limits.BODY_SECONDS,
        )
        self._identified = HTTP1ConnectionParameters(
            header_timeout=_KNOWN_SECONDS,
            max_header_size=limits.MAX_HEAD_BYTES,
            max_body_size=limits.MAX_STRANGER_BODY_BYTES,
            body_timeout=limits.BODY_SECONDS,
        )
        self._proxies = Proxies(proxies)
        self._most_files = _most_files()
        self._unidentified = UnidentifiedConnections(
            _close,
            in_all=min(limits.MAX_STRANGERS, self._most_files // 2),
            per_address=min(limits.MAX_STRANGERS_PER_ADDRESS, self._most_files // 4),
        )
        self._closed = _ThrottledLine("strangers_closed")
        self._no_room = _ThrottledLine("out_of_descriptors")

    def add_sockets(self, sockets: Any) -> None:
        """Listen on these sockets, which belong to the server from now on."""
        super().add_sockets([ListeningSocket(sock, self._no_room) for sock in sockets])

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Begin to read a request; a new connection counts as unidentified."""
        connection = cast("HTTP1ServerConnection", server_conn)
        context = cast("Any", request_conn).context
        if not hasattr(context, "identified"):
            self._accepted(connection, context)
        # Only a trusted proxy's headers about the original caller are used.
        self.xheaders = context.proxied
        return super().start_request(server_conn, request_conn)

    def _accepted(self, connection: HTTP1ServerConnection, context: Any) -> None:
        context.proxied = context.remote_ip in self._proxies
        context.trusted_downstream = self._proxies
        context.identified = partial(self._on_identified, connection, context)
        number = connection.stream.fileno() if not connection.stream.closed() else 0
        closed = self._unidentified.add(
            cast("Hashable", connection),
            None if context.proxied else network_of(context.remote_ip),
            crowded=isinstance(number, int) and number >= self._most_files - limits.SPARE_FILES,
        )
        if closed:
            self._closed.count(closed)

    def _on_identified(self, connection: HTTP1ServerConnection, context: Any) -> None:
        context.identified = None  # breaks the cycle of references
        connection.params = self._identified
        self._unidentified.remove(connection)

    def on_close(self, server_conn: object) -> None:
        """Forget a connection that was closed, or became a WebSocket."""
        connection = cast("HTTP1ServerConnection", server_conn)
        cast("Any", connection.context).identified = None
        self._unidentified.remove(connection)
        super().on_close(server_conn)


def _close(connection: Hashable) -> None:
    cast("HTTP1ServerConnection", connection).stream.close()


def _most_files() -> int:
    """Return how many file descriptors this process may have."""
    try:
        import resource
    except ImportError:  # Windows has another way to count
        return 8192
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if most == resource.RLIM_INFINITY else most
