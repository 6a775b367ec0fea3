"""Two servers of one person that were stopped and started again, and what was seen meanwhile.

Linus has a default server and the named server `gpu`, in one home. Both are stopped by the call
that the idle culler makes, and started in the other order.
"""

import uuid
from collections.abc import Callable
from typing import Any

from crewai_hitl_nb import Client
from crewai_hitl_nb.protocol.events import HumanInputRequired
from tests.hub.hub_process import HubProcess, Place
from tests.server.door import question


class Culled:
    """The servers, running again, and what was noted before, meanwhile and after.

    Attributes:
        place: The default server.
        gpu: The named server.
        epochs: The lives of the two logs, before and after.
        durable: A pending question that nobody waited for.
        waited_for: A pending question of a process that ended with the server.
        first: The `event_id` of the first of the two, and of the log.
        rest: The `event_id`s of what was asked after it, before the stop.
        refusals: What reading and answering met while the server was stopped.
        read: What a stream that stayed open was sent since, and what it read.
    """

    def __init__(self, hub: HubProcess) -> None:
        self.place, self.gpu = hub.start_server("linus"), hub.start_server("linus", "gpu")
        before = [epoch(self.gpu), epoch(self.place)]
        self.durable, self.waited_for, run = (str(uuid.uuid4()) for _ in range(3))
        with client(self.place) as asker, client(self.place) as reader:
            events = (e for e in reader.events(run) if isinstance(e, HumanInputRequired))

            def ask_and_read() -> tuple[str, str]:
                (receipt,) = asker.publish(question(execution_id=run))
                return receipt.event_id, next(events).event_id

            (kept,) = asker.publish(question(self.durable))
            (lost,) = asker.publish(question(self.waited_for, source={"id": "kernel-of-a-crew"}))
            self.first, self.rest = kept.event_id, [lost.event_id, ask_and_read()[0]]
            hub.stop_server("linus", "gpu")
            hub.stop_server("linus")
            self.refusals = [
                refusal_of(asker.pending),
                refusal_of(lambda: asker.answer(self.durable)),
            ]
            hub.start_server("linus", "gpu")
            hub.start_server("linus")
            self.read = [ask_and_read(), ask_and_read()]
        self.epochs = before, [epoch(self.gpu), epoch(self.place)]


def client(place: Place) -> Client:
    return Client(place.url, place.token)


def epoch(place: Place) -> str | None:
    with client(place) as http:
        return http.health().epoch


def refusal_of(call: Callable[[], Any]) -> Exception | None:
    """Return what a call ends with."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the test looks which one it is
        return error
    return None
