"""Racing answers: questions asked of three replicas, each answered five times at the same time.

Of the five, each sent on a connection of its own and to the replicas in turn, exactly one must win;
the other four are refused with the winner's name. Afterwards the log has one end for each question,
and it is that of the answer that was acknowledged. A count that differs ends the program without a
result.
"""

import re
import time
from collections import Counter

from benchmarks.load.dialogue import Crowd, WebSocketLine
from benchmarks.processes import LOAD_CORE, BenchError, pinned
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Goal, Row
from benchmarks.targets import questions, wire
from benchmarks.targets.database import Database
from benchmarks.targets.team import REPLICAS, Team

_QUESTIONS = 10_000
_QUICK_QUESTIONS = 500
_RACING = 5
_AT_ONCE = 60
_EXECUTION = "racing-answers"
_REF = re.compile(rb'"ref":"([0-9]):([^"]+)"')
_ANSWERS = "/ws/human-input/nothing?replay=none&type=none"


class Replies:
    """What the people who answered were told.

    Attributes:
        won: Who won each question.
        refused: How many answers to each were refused because another one had won.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.won: dict[bytes, int] = {}
        self.refused: Counter[bytes] = Counter()

    def take(self, message: bytes) -> bool:
        """Take note of a reply; return whether it is the last one to its question.

        Raises:
            BenchError: A second answer won, or one was refused for another reason.
        """
        found = _REF.search(message)
        if found is None:
            return False
        number, question = int(found[1]), found[2]
        if b'"already_answered"' in message:
            self.refused[question] += 1
        elif b'"error"' in message or question in self.won:
            raise BenchError(f"a second winner, or another error: {message[:300]!r}")
        else:
            self.won[question] = number
        return self.refused[question] + (question in self.won) == _RACING


class Races:
    """The questions, those who answer, and what they were told."""

    def __init__(self, team: Team) -> None:
        """Connect an asker, who reads all questions, and those who answer."""
        first, ports = team.replicas[0], team.ports
        headers = first.headers
        path = questions.stream(questions.ASKED, _EXECUTION).removeprefix("/crewai-hitl")
        self._asker = WebSocketLine(first.port, path, headers)
        self._people = [
            WebSocketLine(ports[number % REPLICAS], _ANSWERS, headers) for number in range(_RACING)
        ]
        self._crowd = Crowd(self._asker, *self._people)
        self.replies = Replies()

    def run(self, count: int) -> None:
        """Ask so many questions, and return when all replies have come."""
        to_ask = max(0, count - _AT_ONCE)
        self._ask(min(count, _AT_ONCE))
        over = 0
        while over < count:
            ended = 0
            for line, message in self._crowd.receive():
                if line is self._asker:
                    self._race(message)
                else:
                    ended += self.replies.take(message)
            over += ended
            more = min(ended, to_ask)
            to_ask -= more
            self._ask(more)

    def _ask(self, count: int) -> None:
        self._asker.send(questions.ask_frame(_EXECUTION) * count)

    def _race(self, message: bytes) -> None:
        if not questions.is_a(questions.ASKED, message):
            return
        question = questions.asked_in(message)
        for number, person in enumerate(self._people):
            person.send(
                wire.frame(
                    b'{"type":"answer","ref":"%d:%s","request_id":"%s",'
                    b'"human_feedback":"from %d","via":"api"}'
                    % (number, question, question, number)
                )
            )

    def stop(self) -> None:
        """Disconnect."""
        self._crowd.stop()
        for line in (self._asker, *self._people):
            line.stop()


def run(bench: Bench) -> list[Row]:
    """Race, and count."""
    count = _QUICK_QUESTIONS if bench.plan.quick else _QUESTIONS
    count = int(bench.plan.options.get("questions", count))
    database = bench.scope.owns(Database())
    team = bench.scope.owns(Team(bench, database.log("team")))
    races = bench.scope.owns(Races(team))
    with pinned(LOAD_CORE):
        began = time.monotonic()
        races.run(count)
        seconds = time.monotonic() - began
    _check(database, races.replies, count)
    return [
        Row(
            program=PROGRAM.name,
            case=f"{count:,} questions, {_RACING} racing answers each, {REPLICAS} replicas",
            unit="questions/s",
            figures={PRODUCT: count / seconds},
            goals=[
                Goal(
                    "",
                    "at least",
                    count,
                    len(races.replies.won),
                    "questions with exactly one winner",
                )
            ],
            lower_is_better=False,
            note=f"{races.replies.refused.total():,} answers were refused because another one had "
            "won; the log has one end for each question, by the answer that was acknowledged",
        )
    ]


def _check(database: Database, replies: Replies, count: int) -> None:
    """Compare what the people were told with the log.

    Raises:
        BenchError: They differ.
    """
    with database.connect() as connection:
        ends = connection.execute(
            "SELECT request_id, body FROM team.events WHERE type = 'human_input_completed'"
        ).fetchall()
    stored = {
        str(request_id).encode(): int(str(text.group(1), "ascii"))
        for request_id, body in ends
        if isinstance(body, bytes) and (text := re.search(rb'"from ([0-9])"', body))
    }
    if len(ends) != count or stored != replies.won:
        raise BenchError(f"{count} questions, {len(replies.won)} winners, {len(ends)} ends stored")


PROGRAM = Program(
    "team-answers", "five answers at once to each question: exactly one of them wins", run
)
