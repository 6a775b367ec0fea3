"""Failover: PostgreSQL crashes, its standby is promoted, and the clients only wait.

A publisher at each of three replicas keeps its WebSocket open and sends a publish that was refused
again, with the same event id; a subscriber of another replica keeps its own. The time is from the
crash of the primary until every publisher was acknowledged and every subscriber has the events.
The standby is promoted at once: how long it takes to notice a crash is up to the operator's tool.
"""

import json
import time
import uuid

from benchmarks.load.dialogue import Crowd, Line, WebSocketLine
from benchmarks.processes import BenchError
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Goal, Row
from benchmarks.targets import wire
from benchmarks.targets.database import Database
from benchmarks.targets.team import REPLICAS, Team

_MOST_SECONDS = 10.0
_GIVE_UP_SECONDS = 60.0
_PAUSE_SECONDS = 0.05
_EXECUTION = "failover"


class Clients:
    """A publisher and a subscriber at each replica; none of them connects again."""

    def __init__(self, team: Team) -> None:
        """Connect."""
        headers = team.replicas[0].headers
        readers = f"/ws/human-input/{_EXECUTION}?replay=none"
        publishers = "/ws/human-input/nothing?replay=none&type=none"
        self._readers = [WebSocketLine(port, readers, headers) for port in team.ports]
        self._publishers = [WebSocketLine(port, publishers, headers) for port in team.ports]
        self._crowd = Crowd(*self._readers, *self._publishers)

    def publish(self) -> float:
        """Publish an event at each replica until all have all of them; return the seconds."""
        began = time.monotonic()
        marks = [uuid.uuid4().hex.encode() for _ in self._publishers]
        waiting = set(range(REPLICAS))
        missing = {line: set(marks) for line in self._readers}
        for number in waiting:
            self._send(number, marks[number])
        while waiting or any(missing.values()):
            if time.monotonic() - began > _GIVE_UP_SECONDS:
                raise BenchError("the team does not serve again")
            for line, message in self._crowd.receive():
                if line in missing:
                    missing[line] -= {mark for mark in marks if mark in message}
                elif (number := self._number(line)) in waiting:
                    if b'"type":"error"' in message:
                        time.sleep(_PAUSE_SECONDS)
                        self._send(number, marks[number])
                    elif marks[number] in message:
                        waiting.discard(number)
        return time.monotonic() - began

    def _number(self, line: Line) -> int:
        return next(i for i, one in enumerate(self._publishers) if one is line)

    def _send(self, number: int, mark: bytes) -> None:
        event = {
            "type": "run_task_finished",
            "event_id": mark.decode(),
            "execution_id": _EXECUTION,
        }
        frame = {"type": "publish", "ref": mark.decode(), "events": [event]}
        self._publishers[number].send(wire.frame(json.dumps(frame).encode()))

    def stop(self) -> None:
        """Disconnect."""
        self._crowd.stop()
        for line in (*self._readers, *self._publishers):
            line.stop()


def run(bench: Bench) -> list[Row]:
    """Crash the primary, promote the standby, and wait for the clients."""
    took: list[float] = []
    for _ in range(1 if bench.plan.quick else 3):
        with bench.fresh() as scope:
            database = scope.owns(Database(followed=True))
            team = scope.owns(Team(bench, database.log("team")))
            clients = scope.owns(Clients(team))
            clients.publish()
            database.await_standby()
            began = time.monotonic()
            database.fail_over()
            clients.publish()
            took.append(time.monotonic() - began)
    return [
        Row(
            program=PROGRAM.name,
            case=f"primary crashed, standby promoted, {REPLICAS} replicas",
            unit="s until every client is served again",
            figures={PRODUCT: sorted(took)[len(took) // 2]},
            goals=[Goal("", "at most", _MOST_SECONDS, max(took), "s, the longest")],
            note="no client and no server was restarted; the streams stayed open",
        )
    ]


PROGRAM = Program(
    "team-failover", "from the crash of PostgreSQL to a team that serves again", run, quick=False
)
