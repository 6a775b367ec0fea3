"""``ws/human-input[/{execution_id}]``: events down, answers up, on one connection.

A frame down is an event as it is stored, or a control frame (``delivery.py``). A frame up carries a
``ref`` and gets exactly one ``ack`` or ``error`` with it (``commands.py``). With ``?source=`` the
connection is the waiter of that name: when the last one closes and stays away, its pending
requests are cancelled.

The server closes it with 1001 when it stops and with 4408 when the reader is too slow. A reader can
resume after both by the last event id. Wrong parameters and missing permissions are refused before
the upgrade, as HTTP 400 and 403 with a JSON body.

Above: the routes. Below: subscriptions and Tornado's connection.
"""

import asyncio
import hmac
from functools import cached_property
from typing import Any, Final

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web
from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import (
    WebSocketClosedError,
    WebSocketHandler,
    WebSocketProtocol,
    WebSocketProtocol13,
)

from crewai_hitl_nb.broker.delivery.subscription import Closed, SlowReader, Subscription
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.dialects import CANONICAL, Dialect
from crewai_hitl_nb.protocol.errors import BadRequest, Forbidden, StoreUnavailable
from crewai_hitl_nb.server import encoders, parameters
from crewai_hitl_nb.server.caller import CallerMixin
from crewai_hitl_nb.server.error_replies import JsonErrorsMixin
from crewai_hitl_nb.server.fast import tornado_internals
from crewai_hitl_nb.server.fast.direct_writer import DirectWriter
from crewai_hitl_nb.server.fast.idle_websocket import IdleWebSocket
from crewai_hitl_nb.server.streams.commands import Commands
from crewai_hitl_nb.server.streams.delivery import deliver, start_direct_writer

_SENT: Final = HTTPHeaders()
"""In place of the headers of a response that is out; a WebSocket has no other response."""


class StreamSocket(
    JsonErrorsMixin,
    CallerMixin,
    ExtensionHandlerMixin,
    WebSocketMixin,
    WebSocketHandler,
    JupyterHandler,
):
    """One connection."""

    dialect: Dialect = CANONICAL
    _subscription: Subscription | None = None
    _writer: DirectWriter | None = None
    _delivery: asyncio.Task[None] | None = None
    _source: str | None = None
    _waits = False

    @cached_property
    def _commands(self) -> Commands:
        """The frames up; most readers send none, and have no such object."""
        assert isinstance(self.ws_connection, WebSocketProtocol13)
        return Commands(self, self.ws_connection, self._failed)

    def set_default_headers(self) -> None:
        """None: the host's headers mean nothing to an upgrade."""

    def get_compression_options(self) -> None:
        """No permessage-deflate: frames are small, and every reader gets the same bytes."""

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Leave the pings to the host: Tornado would take its milliseconds for seconds, and warn.

        https://github.com/jupyter-server/jupyter_server/issues/1612
        """
        protocol = super().get_websocket_protocol()
        if not isinstance(protocol, WebSocketProtocol13):
            return protocol
        protocol.params.ping_interval = None
        if self.services.shortcuts.idle_websocket:
            return IdleWebSocket(self, False, protocol.params)
        return protocol

    @property
    def ping_interval(self) -> int:
        """Milliseconds between the host's pings; none for a connection that only reads.

        A browser answers a ping by itself, and JupyterHub's proxy treats the pong as activity, so
        a forgotten page would keep its server alive for ever. Heartbeats go down only. A waiter is
        pinged, because a crew depends on knowing whether it is still there.
        """
        return 0 if self._source is None else int(1000 * self.services.heartbeat)

    @property
    def ping_timeout(self) -> int:
        """Milliseconds without a pong after which the connection is dead, whatever TCP believes.

        Checked when a ping is due, so a connection that falls silent after a pong is closed when
        two heartbeats have passed.
        """
        return int(1500 * self.services.heartbeat)

    def send_ping(self) -> None:
        """Ping; close a connection that did not answer without waiting for its closing frame."""
        connection = self.ws_connection
        was_open = isinstance(connection, WebSocketProtocol13) and not connection.is_closing()
        super().send_ping()
        if isinstance(connection, WebSocketProtocol13) and was_open and connection.is_closing():
            connection.stream.close()

    @ws_authenticated
    async def get(self, execution_id: str | None = None, crew_id: str | None = None) -> None:
        """Check everything that can be wrong while HTTP can still report it."""
        self._require_xsrf()
        await self.require("read")
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise BadRequest("this is a WebSocket; open it with `Upgrade: websocket`, or read SSE")
        parameters.check_origin(self)
        self.dialect = parameters.dialect(self, self.dialect)
        match = parameters.match(self, execution_id, crew_id)
        start = parameters.start(self, default="pending")
        source = await self.waiter()
        self._subscription = self.subscribe(match, start, "websocket")
        self._source = source
        try:
            await super().get()  # returns when the connection is idle, closed or refused
        finally:
            connection = self.ws_connection
            if isinstance(connection, IdleWebSocket) and connection.idle:
                self._free_handshake()
            else:
                self._leave()

    def _require_xsrf(self) -> None:
        """Accept a cookie only with the XSRF token beside it, as ``?_xsrf=``.

        Pages of one host name have the same origin, and on a JupyterHub without subdomains each
        user's server is one of them. A browser cannot set a header on a WebSocket.

        Raises:
            Forbidden: It is missing or wrong.
        """
        if self.by_token or not self.identity_provider.auth_enabled:
            return
        if self.settings.get("disable_check_xsrf", False):
            return
        given = self.get_query_argument("_xsrf", "")
        expected = self.xsrf_token  # makes one where the page has none
        hub_auth = getattr(self.identity_provider, "hub_auth", None)
        try:
            if hub_auth is None:
                web.RequestHandler.check_xsrf_cookie(self)
                return
            right = hmac.compare_digest(given.encode(), expected)
        except web.HTTPError:
            right = False
        if not right:
            raise Forbidden(
                "a WebSocket by cookie needs the XSRF token: add ?_xsrf= with the _xsrf cookie's"
                " value, or send a token"
            )

    def _free_handshake(self) -> None:
        """Free what only the handshake needed: a sixth of what an idle connection holds."""
        self.request.connection = self.request.server_connection = None
        tornado_internals.break_cycles(self)
        tornado_internals.forget_response(self, _SENT)

    def open(self, *args: str, **kwargs: str) -> Any:
        """Begin to deliver."""
        result = super().open(*args, **kwargs)
        # Nagle's rule holds a small frame back until the reader has acknowledged the one before,
        # which its system puts off by 40 ms.
        self.set_nodelay(True)
        if self._source is not None:
            self.broker.waiter_arrived(self._source, self.caller)
            self._waits = True
        self._delivery = asyncio.ensure_future(self._deliver())
        return result

    async def _deliver(self) -> None:
        """Write events and heartbeats until the reader leaves or is ended."""
        subscription = self._subscription
        if subscription is None:
            return
        encoder = encoders.WEBSOCKET[self.dialect]
        try:
            await deliver(self, subscription, encoder, self._write, self._hand_over)
        except (SlowReader, Closed, StoreUnavailable) as reason:
            self._end(reason)
        except WebSocketClosedError:
            return

    async def _write(self, data: bytes) -> None:
        """Write frames that are encoded; Tornado would make a task for each of them."""
        connection = self.ws_connection
        if not isinstance(connection, WebSocketProtocol13) or connection.is_closing():
            raise WebSocketClosedError
        try:
            await connection.stream.write(data)
        except StreamClosedError:
            raise WebSocketClosedError from None

    def _hand_over(self) -> bool:
        """Let a direct writer take over, where the server and the connection allow it."""
        connection, subscription = self.ws_connection, self._subscription
        stream = connection.stream if connection is not None else None
        if not (self.services.shortcuts.direct_writer and isinstance(stream, IOStream)):
            return False
        if (
            stream.closed() or subscription is None
        ):  # the reader just left: the next write finds out
            return False
        # Only waiters are pinged, and all else that is written replies to a frame up.
        alone = isinstance(connection, IdleWebSocket) and connection.silent and not self._source
        encoder = encoders.WEBSOCKET[self.dialect]
        self._writer = start_direct_writer(
            self, subscription, encoder, stream, self._end, shared=not alone
        )
        self._subscription, self._delivery = None, None
        return True

    def on_first_frame(self) -> None:
        """Note that from now on replies and pongs are written, too (``idle_websocket.py``)."""
        if self._writer is not None:
            self._writer.shared = True

    def _end(self, reason: Exception) -> None:
        if isinstance(reason, SlowReader):
            self.close(limits.CLOSE_SLOW_READER, "too slow; connect again and resume")
        elif isinstance(reason, StoreUnavailable):
            self.log.warning("crewai-hitl: a socket's stream ends: %s", reason)
            self.close(limits.CLOSE_GOING_AWAY, "the log cannot be read; connect again")
        else:
            self.log.debug("a socket's stream ends: %s", type(reason).__name__)
            self.close(limits.CLOSE_GOING_AWAY, "the server stops; connect again")

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log a text frame that is not UTF-8 briefly: it is the caller's mistake."""
        if isinstance(value, UnicodeDecodeError):
            self.log.debug("a socket ends: a text frame is not UTF-8")
            return
        super().log_exception(typ, value, tb)

    async def on_message(self, message: str | bytes) -> None:
        """Take one frame up; the next one is read when this returns."""
        await self._commands.take(message)

    def _failed(self, error: BaseException) -> None:
        """Close the connection after an unexpected error of a frame, as Tornado would."""
        self.log_exception(type(error), error, error.__traceback__)
        if isinstance(self.ws_connection, WebSocketProtocol13):
            self.ws_connection.stream.close()

    def on_close(self) -> None:
        """Forget the reader, and the waiter that it was."""
        if self._delivery is not None:
            self._delivery.cancel()
        self._leave()
        if self._waits and self._source is not None and self.services.broker is not None:
            self.services.broker.waiter_left(self._source, self.caller)
        super().on_close()

    def _leave(self) -> None:
        if self._writer is not None:
            self._writer.closed()
        if self._subscription is not None:
            self._subscription.close()
