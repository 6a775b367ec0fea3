"""``GET events/human-input[/{execution_id}]``: Server-Sent Events (HTML, 9.2).

    retry: 1000

    id: <event_id>
    data: {"type": "human_input_required", …}

    event: heartbeat
    data: {"type": "heartbeat", …}

The stream ends when the reader is too slow or the server stops; an ``EventSource`` then
connects again by itself with ``Last-Event-ID`` and misses nothing.
"""

from functools import partial
from typing import Any, cast

from tornado import web
from tornado.concurrent import Future
from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream, StreamClosedError

from crewai_hitl_nb.broker.delivery.subscription import Closed, Live, SlowReader, Subscription
from crewai_hitl_nb.protocol import frames
from crewai_hitl_nb.protocol.dialects import CANONICAL, Dialect
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.server import encoders, parameters
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs
from crewai_hitl_nb.server.fast.direct_writer import LeanWriter
from crewai_hitl_nb.server.streams.presence import waiting


class EventStreamHandler(HitlHandler):
    """One reader by Server-Sent Events."""

    _track_activity = False  # an open stream must not keep a culled server alive
    dialect: Dialect = CANONICAL
    _subscription: Subscription | None = None

    @needs("read")
    async def get(self, execution_id: str | None = None, crew_id: str | None = None) -> None:
        """Stream until one side leaves."""
        broker = self.broker
        self.dialect = parameters.dialect(self, self.dialect)
        await self.waiter()  # a wrong one is refused while it still can be
        subscription = self._subscription = self.subscribe(
            parameters.match(self, execution_id, crew_id),
            parameters.start(self, default="pending"),
            "sse",
        )
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache, no-transform")
        self.set_header("X-Accel-Buffering", "no")
        connection = cast("HTTP1Connection", self.request.connection)
        lean = self._may_be_lean()
        if lean:
            self.set_header("Connection", "close")
        form = encoders.EVENT_STREAM[self.dialect]
        try:
            self.write(b"retry: %d\n\n" % frames.RETRY_MILLISECONDS)
            await self.flush()
            # As for a WebSocket: a small block must not wait for the last one's acknowledgement.
            connection.stream.set_nodelay(True)
            with waiting(self, broker):
                while True:
                    step = await subscription.next(self.services.heartbeat)
                    self.write(encoders.write(form, step, broker.heartbeat))
                    await subscription.written(self.flush())
                    if lean and isinstance(step, Live) and not connection.stream.closed():
                        self._hand_over(subscription, connection.stream)
                        return
        except SlowReader:
            # What waits in the socket's own buffer may wait for ever: no last chunk, just the end.
            self.log.debug("an event stream ends: its reader is too slow")
            connection.stream.close()
        # The headers are out: the end of the stream is the message, and it is resumable.
        except StoreUnavailable as reason:
            self.log.warning("crewai-hitl: an event stream ends: %s", reason)
        except (Closed, StreamClosedError) as reason:
            self.log.debug("an event stream ends: %s", type(reason).__name__)
        finally:
            subscription.close()

    def _may_be_lean(self) -> bool:
        """Whether nothing needs the handler once the stream is live: see ``lean``."""
        return (
            self.services.lean
            and self.request.version == "HTTP/1.1"  # its bodies are chunked
            and not self.settings.get("compress_response")
            and parameters.source(self) is None  # a waiter is present as long as its handler
        )

    def _hand_over(self, subscription: Subscription, stream: IOStream) -> None:
        """Leave the connection to a writer; this handler and its request are forgotten."""
        ended = partial(_end, stream)
        writer = LeanWriter(stream, ended, self.services.heartbeat, shared=False)
        subscription.hand_over(writer, encoders.CHUNKED_EVENT_STREAM[self.dialect])
        self.services.streams.began(writer, self.reader)
        self.application.log_request(self)
        self.detach()
        self._break_cycles()  # as when a request is finished: else only the collector frees it
        stream.set_close_callback(writer.closed)

    def finish(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep the content type of a stream, which APIHandler would reset to JSON."""
        if self._headers_written:
            return web.RequestHandler.finish(self)
        return cast("Future[Any]", super().finish(*args, **kwargs))

    def on_connection_close(self) -> None:
        """The reader left."""
        if self._subscription is not None:
            self._subscription.close()
        super().on_connection_close()


def _end(stream: IOStream, reason: Exception) -> None:
    """End a stream that was handed over: properly if it is not stuck."""
    if isinstance(reason, SlowReader) or stream.writing():
        stream.close()
    elif not stream.closed():
        stream.write(encoders.LAST_CHUNK).add_done_callback(lambda _: stream.close())
