"""``GET events/human-input[/{execution_id}]``: Server-Sent Events (HTML, 9.2).

    retry: 1000

    id: <event_id>
    data: {"type": "human_input_required", …}

    event: heartbeat
    data: {"type": "heartbeat", …}

The stream ends when the reader is too slow or the server stops; an ``EventSource`` then
connects again by itself with ``Last-Event-ID`` and misses nothing.
"""

from typing import Any, cast

from tornado import web
from tornado.concurrent import Future
from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.subscription import Closed, Live, SlowReader, Step, Subscription
from crewai_hitl_nb.broker.within import BrokerWithin
from crewai_hitl_nb.protocol import frames
from crewai_hitl_nb.protocol.dialects import CANONICAL, Dialect
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.server import parameters
from crewai_hitl_nb.server.base import HitlHandler, needs
from crewai_hitl_nb.server.presence import waiting


class EventStreamHandler(HitlHandler):
    """One reader by Server-Sent Events."""

    _track_activity = False  # an open stream must not keep a culled server alive
    dialect = CANONICAL
    _subscription: Subscription | None = None

    @needs("read")
    async def get(self, execution_id: str | None = None, crew_id: str | None = None) -> None:
        """Stream until one side leaves."""
        broker = self.broker
        parameters.source(self)  # a wrong one is refused while it still can be
        subscription = self._subscription = self.subscribe(
            parameters.match(self, execution_id, crew_id),
            parameters.start(self, default="pending"),
            "sse",
        )
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache, no-transform")
        self.set_header("X-Accel-Buffering", "no")
        try:
            self.write(b"retry: %d\n\n" % frames.RETRY_MILLISECONDS)
            await self.flush()
            # As for a WebSocket: a small block must not wait for the last one's acknowledgement.
            cast("HTTP1Connection", self.request.connection).stream.set_nodelay(True)
            with waiting(self, broker):
                while True:
                    step = await subscription.next(self.services.heartbeat)
                    self.write(encode(step, broker, self.dialect))
                    await subscription.written(self.flush())
        except SlowReader:
            # What waits in the socket's own buffer may wait for ever: no last chunk, just the end.
            self.log.debug("an event stream ends: its reader is too slow")
            cast("HTTP1Connection", self.request.connection).stream.close()
        except (Closed, StreamClosedError, StoreUnavailable) as reason:
            # The headers are out: the end of the stream is the message, and it is resumable.
            self.log.debug("an event stream ends: %s", type(reason).__name__)
        finally:
            subscription.close()

    def finish(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep the content type of a stream, which APIHandler would reset to JSON."""
        if self._headers_written:
            return web.RequestHandler.finish(self)
        return super().finish(*args, **kwargs)

    def on_connection_close(self) -> None:
        """The reader left."""
        if self._subscription is not None:
            self._subscription.close()
        super().on_connection_close()


def encode(step: Step | None, broker: Broker | BrokerWithin, dialect: Dialect) -> bytes:
    """Return a step of a subscription as blocks; nothing for a while is a heartbeat."""
    if step is None or isinstance(step, Live):
        reached = None if step is None else step.offset
        frame: frames.Heartbeat | frames.Gap = broker.heartbeat(reached)
    elif isinstance(step, frames.Gap):
        frame = step
    else:
        return b"".join(frames.sse_event(r.event_id, dialect.say(r.body)) for r in step)
    return frames.sse_frame(frame, dialect.say(frames.encode_frame(frame)))
