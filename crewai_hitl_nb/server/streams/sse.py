"""``GET events/human-input[/{execution_id}]``: Server-Sent Events (HTML, 9.2).

    retry: 1000

    id: <event_id>
    data: {"type": "human_input_required", …}

    event: heartbeat
    data: {"type": "heartbeat", …}

The stream ends when the reader is too slow or the server stops. An ``EventSource`` then connects
again by itself with ``Last-Event-ID`` and misses nothing.

Above: the routes. Below: subscriptions (``delivery.py``) and Tornado's connection.
"""

from functools import partial
from typing import Any, cast

from tornado import web
from tornado.concurrent import Future
from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream, StreamClosedError

from crewai_hitl_nb.broker.delivery.subscription import Closed, SlowReader, Subscription
from crewai_hitl_nb.protocol import frames
from crewai_hitl_nb.protocol.dialects import CANONICAL, Dialect
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.server import encoders, parameters
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs
from crewai_hitl_nb.server.fast import tornado_internals
from crewai_hitl_nb.server.streams.delivery import deliver, start_direct_writer
from crewai_hitl_nb.server.streams.presence import waiting


class EventStreamHandler(HitlHandler):
    """One reader by Server-Sent Events."""

    _track_activity = False  # an open stream must not keep a culled server alive
    dialect: Dialect = CANONICAL
    _subscription: Subscription | None = None
    _streaming = False
    """Whether the headers are out, with the content type of a stream."""

    @needs("read")
    async def get(self, execution_id: str | None = None, crew_id: str | None = None) -> None:
        """Stream until one side leaves."""
        self.dialect = parameters.dialect(self, self.dialect)
        await self.waiter()  # a wrong one is refused while it still can be
        subscription = self._subscription = self.subscribe(
            parameters.match(self, execution_id, crew_id),
            parameters.start(self, default="pending"),
            "sse",
        )
        stream = cast("HTTP1Connection", self.request.connection).stream
        hand_over = self._never
        if self._may_hand_over():
            self.set_header("Connection", "close")
            hand_over = partial(self._hand_over, subscription, stream)
        try:
            await self._begin(stream)
            with waiting(self, self.broker):
                encoder = encoders.SSE[self.dialect]
                await deliver(self, subscription, encoder, self._write, hand_over)
        except SlowReader:
            # The bytes in the socket's own buffer may never be read, so no last chunk is written.
            self.log.debug("an event stream ends: its reader is too slow")
            stream.close()
        # The headers are out: the end of the stream is the message, and the reader can resume.
        except StoreUnavailable as reason:
            self.log.warning("crewai-hitl: an event stream ends: %s", reason)
        except (Closed, StreamClosedError) as reason:
            self.log.debug("an event stream ends: %s", type(reason).__name__)
        finally:
            subscription.close()

    async def _begin(self, stream: IOStream) -> None:
        """Write the headers and the first block."""
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache, no-transform")
        self.set_header("X-Accel-Buffering", "no")
        self._streaming = True
        await self._write(b"retry: %d\n\n" % frames.RETRY_MILLISECONDS)
        # As for a WebSocket: a small block must not wait for the last one's acknowledgement.
        stream.set_nodelay(True)

    def _write(self, data: bytes) -> "Future[None]":
        self.write(data)
        return self.flush()

    def _may_hand_over(self) -> bool:
        """Say whether nothing needs the handler once the stream is live."""
        return (
            self.services.shortcuts.direct_writer
            and self.request.version == "HTTP/1.1"  # its bodies are chunked
            and not self.settings.get("compress_response")
            and parameters.source(self) is None  # a waiter is present as long as its handler
        )

    def _hand_over(self, subscription: Subscription, stream: IOStream) -> bool:
        """Let a direct writer take over; this handler and its request are forgotten."""
        if stream.closed():  # the reader just left: the next write finds out
            return False
        encoder = encoders.CHUNKED_SSE[self.dialect]
        ended = partial(_end, stream)
        writer = start_direct_writer(self, subscription, encoder, stream, ended, shared=False)
        self.application.log_request(self)
        self.detach()
        tornado_internals.break_cycles(self)  # as Tornado does when it finishes a request
        stream.set_close_callback(writer.closed)
        return True

    @staticmethod
    def _never() -> bool:
        return False

    def finish(self, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Keep the content type of a stream, which APIHandler would reset to JSON."""
        if self._streaming:
            return web.RequestHandler.finish(self)
        return cast("Future[Any]", super().finish(*args, **kwargs))

    def on_connection_close(self) -> None:
        """End the subscription, because the reader left."""
        if self._subscription is not None:
            self._subscription.close()
        super().on_connection_close()


def _end(stream: IOStream, reason: Exception) -> None:
    """End a stream that was handed over, with a last chunk if the reader reads."""
    if isinstance(reason, SlowReader) or stream.writing():
        stream.close()
    elif not stream.closed():
        stream.write(encoders.LAST_CHUNK).add_done_callback(lambda _: stream.close())
