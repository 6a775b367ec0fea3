"""What a target offers to a program, and the events that all of them carry.

Above it are the programs, below it one server each. An event is about 420 bytes of JSON with one
mark, by which the load generator knows it again.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from benchmarks.load.generator import Load

Transport = Literal["ws", "sse", "poll"]
EventKind = Literal["question", "step"]
EVENT_BYTES = 420
EXECUTION = "run-of-the-benchmark"
SLOT = 100_000_000
"""Events of one publisher in a run, at most: its slot in a mark."""


class Target(Protocol):
    """A server that passes on what is published to whoever subscribed."""

    name: str
    port: int
    publisher: Literal["ws", "http", "raw"]

    @property
    def pid(self) -> int:
        """Its process."""

    def stop(self) -> None:
        """End it."""

    def subscribe(self, transport: Transport, execution: str) -> bytes:
        """Return the request of one subscriber to what comes from now on."""

    def greeting(self) -> bytes:
        """Return what opens a publisher's connection."""

    def publish(self, mark: str, events: list[bytes]) -> bytes:
        """Return what publishes the events; the mark is the first one's."""


def mark(publisher: int, number: int) -> str:
    """Return what the load generator looks for."""
    return f"#{publisher:02}{number:08}"


def event(said: str, execution: str = EXECUTION, kind: EventKind = "question") -> bytes:
    """Return one event that carries a mark."""
    fields: dict[str, object] = {
        "type": "human_input_required" if kind == "question" else "run_task_finished",
        "execution_id": execution,
        "crew_id": "crew-1",
        "task_id": "task-1",
        "agent_id": "agent-1",
        "reason_flags": {"review": True},
        "prompt": f"{said} Is this draft good?",
        "context": "",
    }
    room = EVENT_BYTES - len(json.dumps(fields))
    fields["context"] = ("A draft under review. " * 20)[:room]
    return json.dumps(fields).encode()


def numbered(
    publishers: int = 1, batch: int = 1, kind: EventKind = "question", execution: str = EXECUTION
) -> Iterator[tuple[str, list[bytes]]]:
    """Yield publishes without end: each publisher's events are counted without a hole."""
    for item in itertools.count():
        publisher, number = item % publishers, item // publishers * batch
        marks = [mark(publisher, number + i) for i in range(batch)]
        yield marks[0], [event(said, execution, kind) for said in marks]


def load(
    target: Target,
    transport: Transport,
    connections: int,
    *,
    publishes: int,
    publishers: int = 1,
    batch: int = 1,
    kind: EventKind = "question",
    ports: Sequence[int] = (),
) -> Load:
    """Return the usual load: all subscribers read one execution, and so many publishes come.

    With `ports`, the target is one of several servers with one log.
    """
    wanted = itertools.islice(numbered(publishers, batch, kind), publishes)
    return Load(
        ports=ports or (target.port,),
        kind=transport,
        connections=connections,
        subscribe=[target.subscribe(transport, EXECUTION)],
        publisher=target.publisher,
        greeting=target.greeting(),
        publish=[target.publish(said, events) for said, events in wanted],
        publishers=publishers,
        batch=batch,
    )
