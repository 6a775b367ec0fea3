"""Delivers a subscription to one WebSocket or event stream: the replay, then live events.

Both transports use this loop. It ends with the subscription, or when the reader has caught up and
a direct writer takes over its connection (``fast/direct_writer.py``).

Above: the WebSocket and SSE handlers, which write and close. Below: the subscription and the
encoders.
"""

from collections.abc import Awaitable, Callable

from tornado.iostream import IOStream

from crewai_hitl_nb.broker.delivery.audience import Encoder
from crewai_hitl_nb.broker.delivery.subscription import CaughtUp, Subscription
from crewai_hitl_nb.server import encoders
from crewai_hitl_nb.server.caller import CallerMixin
from crewai_hitl_nb.server.fast.direct_writer import DirectWriter


async def deliver(
    handler: CallerMixin,
    subscription: Subscription,
    encoder: Encoder,
    write: Callable[[bytes], Awaitable[object]],
    hand_over: Callable[[], bool],
) -> None:
    """Write each step of a subscription, and a heartbeat after some seconds without one.

    Args:
        handler: The connection's.
        subscription: What to deliver.
        encoder: Makes the bytes.
        write: Writes bytes; done when they are out.
        hand_over: Called when the reader has caught up; returns whether another writer took over.

    Raises:
        SlowReader: The reader's buffer is full.
        Closed: The subscription was closed.
        StoreUnavailable: The replay cannot be read now.
    """
    seconds, heartbeat = handler.services.heartbeat, handler.broker.heartbeat
    while True:
        step = await subscription.next(seconds)
        await subscription.written(write(encoders.encode(encoder, step, heartbeat)))
        if isinstance(step, CaughtUp) and hand_over():
            return


def start_direct_writer(
    handler: CallerMixin,
    subscription: Subscription,
    encoder: Encoder,
    stream: IOStream,
    ended: Callable[[Exception], None],
    *,
    shared: bool,
) -> DirectWriter:
    """Let a direct writer continue a subscription that has caught up.

    Args:
        handler: The connection's.
        subscription: It ends here.
        encoder: Makes the bytes.
        stream: Where they go.
        ended: Called with the reason when the reader is ended; it closes the connection.
        shared: Whether other code writes to the stream, too.

    Raises:
        SlowReader, Closed: The subscription was ended before.
    """
    writer = DirectWriter(stream, ended, handler.services.heartbeat, shared=shared)
    subscription.hand_over(writer, encoder)
    handler.services.streams.began(writer, handler.reader)
    return writer
