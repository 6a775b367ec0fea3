"""``ws/human-input[/{execution_id}]``: events down, answers up, on one connection.

A frame down is an event as it is stored, or a control frame. A frame up carries a ``ref``
and gets exactly one ``ack`` or ``error`` with it; frames up are taken in order, like ones
together (``pipeline.py``). With ``?source=`` the connection is the waiter of that name: when
the last one closes and stays away, its pending requests are cancelled.

Closed with 1001 when the server stops and 4408 when the reader is too slow; both are
resumable by the last event id. Wrong parameters and missing rights are refused before the
upgrade, as HTTP 400 and 403 with a JSON body.
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
from tornado.web import RequestHandler
from tornado.websocket import (
    WebSocketClosedError,
    WebSocketHandler,
    WebSocketProtocol,
    WebSocketProtocol13,
)

from crewai_hitl_nb.broker.delivery.subscription import Closed, Live, SlowReader, Step, Subscription
from crewai_hitl_nb.protocol import frames, limits
from crewai_hitl_nb.protocol.dialects import CANONICAL, Dialect
from crewai_hitl_nb.protocol.errors import (
    BadRequest,
    Forbidden,
    HitlError,
    StoreUnavailable,
    TooLarge,
)
from crewai_hitl_nb.server import encoders, parameters
from crewai_hitl_nb.server.api.publish import order_kind, publish
from crewai_hitl_nb.server.api.requests import answer, cancel, claim
from crewai_hitl_nb.server.caller import CallerMixin
from crewai_hitl_nb.server.error_replies import JsonErrorsMixin, log_refusal
from crewai_hitl_nb.server.fast.ack_batch import Replies
from crewai_hitl_nb.server.fast.direct_writer import LeanWriter
from crewai_hitl_nb.server.fast.idle_websocket import ParkedProtocol
from crewai_hitl_nb.server.streams.pipeline import Pipeline

_SENT: Final = HTTPHeaders()
"""Stands for the headers of a response that is out; a socket has no other."""


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
    _writer: LeanWriter | None = None
    _delivery: asyncio.Task[None] | None = None
    _source: str | None = None
    _waits = False

    @cached_property
    def _pipeline(self) -> Pipeline:
        """What is under way; most readers send nothing up and have none."""
        return Pipeline(self._failed)

    @cached_property
    def _replies(self) -> Replies:
        """What it is told of that."""
        assert isinstance(self.ws_connection, WebSocketProtocol13)
        broker = self.services.broker
        return Replies(self.ws_connection, None if broker is None else broker.buffers)

    def set_default_headers(self) -> None:
        """The host's headers mean nothing to an upgrade."""

    def get_compression_options(self) -> None:
        """No permessage-deflate: small frames, and every reader gets the same bytes."""

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Leave the pings to the host: Tornado would take its milliseconds for seconds, and warn.

        https://github.com/jupyter-server/jupyter_server/issues/1612
        """
        protocol = super().get_websocket_protocol()
        if not isinstance(protocol, WebSocketProtocol13):
            return protocol
        protocol.params.ping_interval = None
        return ParkedProtocol(self, False, protocol.params) if self.services.lean else protocol

    @property
    def ping_interval(self) -> int:
        """Milliseconds between the host's pings; none for who only reads.

        A browser answers a ping by itself, and JupyterHub's proxy takes the pong for activity:
        a forgotten page would keep its server alive for ever. Heartbeats go down only. A
        waiter is pinged, since a crew hangs on knowing whether it is still there.
        """
        return 0 if self._source is None else int(1000 * self.services.heartbeat)

    @property
    def ping_timeout(self) -> int:
        """Milliseconds without a pong after which the connection is dead, whatever TCP believes.

        Looked at when a ping is due, so a connection that falls silent behind a pong is closed
        when two heartbeats have passed.
        """
        return int(1500 * self.services.heartbeat)

    def send_ping(self) -> None:
        """Ping. Who answers no more says no goodbye either, so none is waited for."""
        connection = self.ws_connection
        was_open = isinstance(connection, WebSocketProtocol13) and not connection.is_closing()
        super().send_ping()
        if isinstance(connection, WebSocketProtocol13) and was_open and connection.is_closing():
            connection.stream.close()

    @ws_authenticated
    async def get(self, execution_id: str | None = None, crew_id: str | None = None) -> None:
        """Check everything that can be wrong while it can still be said by HTTP."""
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
            await super().get()  # returns when the connection is parked, closed or refused
        finally:
            connection = self.ws_connection
            if isinstance(connection, ParkedProtocol) and connection.parked:
                self._let_go()
            else:
                self._leave()

    def _require_xsrf(self) -> None:
        """Let a cookie in only with the XSRF token beside it, as ``?_xsrf=``.

        An origin does not tell pages of one host name apart, and on a JupyterHub without
        subdomains each user's server is one of them. A browser sets no header on a WebSocket.

        Raises:
            Forbidden: It is missing or wrong.
        """
        if self.by_token or not self.identity_provider.auth_enabled:
            return
        if self.settings.get("disable_check_xsrf", False):
            return
        given = self.get_query_argument("_xsrf", "")
        expected = self.xsrf_token  # makes one where the page has none; a hub has rules of its own
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

    def _let_go(self) -> None:
        """Drop what only the handshake needed: a sixth of what a parked connection holds."""
        self.request.connection = self.request.server_connection = None
        RequestHandler._break_cycles(self)  # Tornado's own of a WebSocket waits for its end
        self._headers = _SENT  # the response's, with its cookie
        self.__dict__.pop("_new_cookie", None)  # Tornado looks if it is there

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
        """Replay; then live, by a lean writer where the connection allows it."""
        subscription = self._subscription
        if subscription is None:
            return
        try:
            while True:
                step = await subscription.next(self.services.heartbeat)
                await subscription.written(self._send(step))
                if isinstance(step, Live) and self._hand_over(subscription):
                    return
        except (SlowReader, Closed, StoreUnavailable) as reason:
            self._end(reason)
        except WebSocketClosedError:
            return

    def _hand_over(self, subscription: Subscription) -> bool:
        connection = self.ws_connection
        stream = connection.stream if connection is not None else None
        if not (self.services.lean and isinstance(stream, IOStream)):
            return False
        if stream.closed():  # the reader left in this very moment: the next write says so
            return False
        # A ping goes to waiters only; everything else that is written answers what came up.
        alone = (
            isinstance(connection, ParkedProtocol) and connection.silent and self._source is None
        )
        writer = LeanWriter(stream, self._end, self.services.heartbeat, shared=not alone)
        subscription.hand_over(writer, encoders.SOCKET[self.dialect])
        self.services.streams.began(writer, self.reader)
        self._writer, self._subscription, self._delivery = writer, None, None
        return True

    def on_first_words(self) -> None:
        """From now on there are replies and pongs between the events (``idle_websocket.py``)."""
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

    async def _send(self, step: Step | None) -> None:
        """Write a step at once; a message each would make a task for every event."""
        connection = self.ws_connection
        if not isinstance(connection, WebSocketProtocol13) or connection.is_closing():
            raise WebSocketClosedError
        form = encoders.SOCKET[self.dialect]
        try:
            await connection.stream.write(encoders.write(form, step, self.broker.heartbeat))
        except StreamClosedError:
            raise WebSocketClosedError from None

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Words of a frame that are no text are the caller's mistake; the socket ends by it."""
        if isinstance(value, UnicodeDecodeError):
            self.log.debug("a socket ends: its words are no text")
            return
        super().log_exception(typ, value, tb)

    async def on_message(self, message: str | bytes) -> None:
        """Take one frame up; the next one is read when this one is under way."""
        ref: str | None = None
        try:
            if len(message) > limits.MAX_BODY_BYTES:
                raise TooLarge(
                    f"a frame of {len(message)}; send at most {limits.MAX_BODY_BYTES} at a time",
                    limit=limits.MAX_BODY_BYTES,
                )
            raw = frames.decode_body(message)
            if isinstance(raw, dict) and isinstance(raw.get("ref"), str):
                ref = raw["ref"]
            frame = frames.decode_up(raw)
            self.services.bodies.take(len(message))
        except HitlError as error:
            log_refusal(self, error)
            self._replies.add(frames.encode_error(ref, error))
            self._replies.flush()  # a close may stand right behind it
        else:
            work = self._answer_frame(frame, raw, len(message))
            await self._pipeline.begin(order_kind(frame), work)
        await self._replies.room()

    async def _answer_frame(self, frame: frames.UpFrame, raw: object, size: int) -> None:
        try:
            reply = frames.encode_frame(frames.Ack(frame.ref, await self._act(frame, raw)))
        except HitlError as error:
            log_refusal(self, error)
            reply = frames.encode_error(frame.ref, error)
        finally:
            self.services.bodies.give_back(size)
        self._replies.add(reply)

    def _failed(self, error: BaseException) -> None:
        """Break off a connection on which something unexpected happened, as Tornado would."""
        self.log_exception(type(error), error, error.__traceback__)
        if isinstance(self.ws_connection, WebSocketProtocol13):
            self.ws_connection.stream.close()

    async def _act(self, frame: frames.UpFrame, raw: object) -> dict[str, Any]:
        if isinstance(frame, frames.PublishFrame):
            await self.require("write")
            return await publish(self, frame.events)
        if isinstance(frame, frames.AnswerFrame):
            await self.require("execute")
            return await answer(self, frame.request_id, raw)
        if isinstance(frame, frames.ClaimFrame):
            await self.require("execute")
            return await claim(self, frame.request_id, {"via": frame.via})
        await self.require("write")
        return await cancel(self, frame.request_id, {"reason": frame.reason})

    def on_close(self) -> None:
        """The other side left, or was closed."""
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
