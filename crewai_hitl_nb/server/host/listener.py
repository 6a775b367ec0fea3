"""A listener of our own: what anybody may take up before they say who they are.

Tornado's own server with bounds for strangers: a head has a size and a deadline, so has a
body; there are so many connections whose caller is not known and no more (``unidentified.py``);
and when descriptors run out it stops accepting for a moment instead of asking for the
same connection for ever. A handler that knows its caller says so (``unidentified.known``), and
from then on the connection counts no more.

It is the standalone server's, and that of the kernels' own way in beside a Jupyter server
(``kernel_listener.py``). The Jupyter server's own listener is the host's.
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
from crewai_hitl_nb.server.auth.unidentified import Proxies, Strangers, network_of

_log = logger(__name__)

_NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_LINE_SECONDS: Final = 60.0
"""Between two lines of the log on the same trouble."""
_KNOWN_SECONDS: Final = 3600.0
"""How long a known caller's connection may be silent between two requests: Tornado's own."""


class _Lines:
    """Says the same thing once in a while, with how often it was so."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._times = 0
        self._next = 0.0

    def say(self, times: int = 1) -> None:
        self._times += times
        if time.monotonic() >= self._next:
            note(_log, logging.WARNING, self._event, times=self._times)
            self._times, self._next = 0, time.monotonic() + _LINE_SECONDS


class ListeningSocket(socket.socket):
    """A socket that rests when there is no descriptor for what it would accept.

    It accepts a few connections in a turn of the loop, so that a flood of strangers does not close
    one whose request is being answered before it had its turns (``unidentified.py``).
    """

    def __init__(self, listening: socket.socket, lines: _Lines) -> None:
        super().__init__(
            listening.family, listening.type, listening.proto, fileno=listening.detach()
        )
        self.setblocking(False)
        self._lines = lines
        self._accepted = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection, or stop being asked for a moment.

        Raises:
            BlockingIOError: There is none, or no descriptor for it, or others have their turn.
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
            self._lines.say()
            loop = IOLoop.current()
            loop.update_handler(self, 0)
            loop.call_later(limits.ACCEPT_PAUSE_SECONDS, self._go_on)
            raise BlockingIOError from error

    def _go_on(self) -> None:
        if self.fileno() >= 0:  # it may be closed meanwhile
            IOLoop.current().update_handler(self, IOLoop.READ)


class BoundedServer(httpserver.HTTPServer):
    """Tornado's server with these bounds. Its ``stop`` must come before the sockets are closed."""

    def initialize(self, application: web.Application, proxies: Sequence[str] = ()) -> None:  # type: ignore[override]
        """Take what serves, and the proxies in front of it."""
        super().initialize(
            application,
            idle_connection_timeout=limits.HEAD_SECONDS,
            max_header_size=limits.MAX_HEAD_BYTES,
            max_body_size=limits.MAX_STRANGER_BODY_BYTES,
            body_timeout=limits.BODY_SECONDS,
        )
        self._patient = HTTP1ConnectionParameters(
            header_timeout=_KNOWN_SECONDS,
            max_header_size=limits.MAX_HEAD_BYTES,
            max_body_size=limits.MAX_STRANGER_BODY_BYTES,
            body_timeout=limits.BODY_SECONDS,
        )
        self._proxies = Proxies(proxies)
        self._most_files = _most_files()
        self._strangers = Strangers(
            _close,
            in_all=min(limits.MAX_STRANGERS, self._most_files // 2),
            per_address=min(limits.MAX_STRANGERS_PER_ADDRESS, self._most_files // 4),
        )
        self._closed = _Lines("strangers_closed")
        self._no_room = _Lines("out_of_descriptors")

    def add_sockets(self, sockets: Any) -> None:
        """Listen on these, which belong to the server from now on."""
        super().add_sockets([ListeningSocket(sock, self._no_room) for sock in sockets])

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """Begin to read a request; the first one of a connection is a stranger's."""
        connection = cast("HTTP1ServerConnection", server_conn)
        context = cast("Any", request_conn).context
        if not hasattr(context, "known"):
            self._came(connection, context)
        # What a proxy says of whom it calls for counts; what anybody else says does not.
        self.xheaders = context.proxied
        return super().start_request(server_conn, request_conn)

    def _came(self, connection: HTTP1ServerConnection, context: Any) -> None:
        context.proxied = context.remote_ip in self._proxies
        context.trusted_downstream = self._proxies
        context.known = partial(self._is_known, connection, context)
        number = connection.stream.fileno() if not connection.stream.closed() else 0
        closed = self._strangers.came(
            cast("Hashable", connection),
            None if context.proxied else network_of(context.remote_ip),
            crowded=isinstance(number, int) and number >= self._most_files - limits.SPARE_FILES,
        )
        if closed:
            self._closed.say(closed)

    def _is_known(self, connection: HTTP1ServerConnection, context: Any) -> None:
        context.known = None  # and the circle of references is open
        connection.params = self._patient
        self._strangers.forget(connection)

    def on_close(self, server_conn: object) -> None:
        """A connection is closed, or went over to a WebSocket."""
        connection = cast("HTTP1ServerConnection", server_conn)
        cast("Any", connection.context).known = None
        self._strangers.forget(connection)
        super().on_close(server_conn)


def _close(connection: Hashable) -> None:
    cast("HTTP1ServerConnection", connection).stream.close()


def _most_files() -> int:
    """Return how many descriptors this process may have."""
    try:
        import resource
    except ImportError:  # Windows has another way to count
        return 8192
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if most == resource.RLIM_INFINITY else most
