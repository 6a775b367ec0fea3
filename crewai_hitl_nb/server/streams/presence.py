"""Presence over HTTP: a stream or a poll with ``?source=`` is the waiter of that name.

Above: the SSE and poll handlers. Below: the broker. A WebSocket outlives the call that opens it, so
its handler reports presence itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.scoped_broker import ScopedBroker
from crewai_hitl_nb.server import parameters
from crewai_hitl_nb.server.base import HitlHandler


@contextmanager
def waiting(handler: HitlHandler, broker: Broker | ScopedBroker) -> Iterator[None]:
    """Report the waiter that this call names, if any, as present during a block.

    Raises:
        BadRequest: The name is not an id.
    """
    source = parameters.source(handler)
    if source is None:
        yield
        return
    broker.waiter_arrived(source, handler.caller)
    try:
        yield
    finally:
        broker.waiter_left(source, handler.caller)
