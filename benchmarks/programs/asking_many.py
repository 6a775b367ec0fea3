"""Ask → answer → released with 100 questions under way at once, over WebSocket and over HTTP.

Over WebSocket one connection asks and hears of the releases, as a kernel with a hundred crews
does, and one answers. Over HTTP each question and each answer is a request of its own, on kept
connections; the releases are heard on a WebSocket there as well. Each question must be released
exactly once, by the text that was sent for it.
"""

import time
from collections import deque
from typing import Protocol

from benchmarks.load.dialogue import Crowd, HttpLine, Line, WebSocketLine
from benchmarks.processes import LOAD_CORE, BenchError, cpu_seconds, pinned
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Goal, Row, Samples
from benchmarks.targets import questions
from benchmarks.targets.product import Product

_AT_ONCE = 100
_WEBSOCKET = "WebSocket"
_HTTP = "HTTP"
_WANTED = 4000
_RATIO = 3.0


class Way(Protocol):
    """How questions and answers go up; how they come down is the same for all."""

    lines: list[Line]

    def ask(self, count: int) -> None:
        """Ask so many questions."""

    def answer(self, asked: list[bytes]) -> None:
        """Answer these."""

    def done(self, line: Line) -> None:
        """Take note of a reply."""

    def stop(self) -> None:
        """Close the connections."""


class ByWebSocket:
    """A frame for each, on the two connections."""

    def __init__(self, asker: Line, answerer: Line) -> None:
        """Write on these."""
        self.lines: list[Line] = []
        self._asker, self._answerer = asker, answerer

    def ask(self, count: int) -> None:
        """Send so many frames."""
        self._asker.send(questions.ask_frame(_WEBSOCKET) * count)

    def answer(self, asked: list[bytes]) -> None:
        """Send a frame for each."""
        self._answerer.send(b"".join(map(questions.answer_frame, asked)))

    def done(self, line: Line) -> None:
        """Acknowledgements need no note."""

    def stop(self) -> None:
        """The connections are another's."""


class ByHttp:
    """A request for each, on connections of which each carries one at a time."""

    def __init__(self, product: Product) -> None:
        """Connect."""
        self._headers = product.server.headers
        self.lines: list[Line] = [HttpLine(product.port) for _ in range(_AT_ONCE)]
        self._idle = deque(self.lines)
        self._waiting: deque[bytes] = deque()

    def ask(self, count: int) -> None:
        """Send so many requests."""
        self._waiting.extend([questions.ask_call(_HTTP, self._headers)] * count)
        self._send()

    def answer(self, asked: list[bytes]) -> None:
        """Send a request for each."""
        self._waiting.extend(questions.answer_call(one, self._headers) for one in asked)
        self._send()

    def done(self, line: Line) -> None:
        """A reply frees its connection."""
        self._idle.append(line)
        self._send()

    def _send(self) -> None:
        while self._idle and self._waiting:
            self._idle.popleft().send(self._waiting.popleft())

    def stop(self) -> None:
        """Close the connections."""
        for line in self.lines:
            line.stop()


class Dialogue:
    """The questions of one way, from both ends."""

    def __init__(self, product: Product, way: str) -> None:
        """Connect."""
        headers = product.server.headers
        self._asker, self._answerer = (
            WebSocketLine(product.port, questions.stream(kind, way), headers)
            for kind in (questions.RELEASED, questions.ASKED)
        )
        self._way: Way = (
            ByHttp(product) if way == _HTTP else ByWebSocket(self._asker, self._answerer)
        )
        self._crowd = Crowd(self._asker, self._answerer, *self._way.lines)

    def run(self, count: int) -> tuple[float, float]:
        """Ask `count` questions, 100 at once; return the seconds and the share we were busy."""
        asked, released = set[bytes](), set[bytes]()
        began, cpu = time.monotonic(), time.process_time()
        self._way.ask(_AT_ONCE)
        while len(released) < count:
            new, free = self._hear()
            _note(asked, new)
            _note(released, free)
            self._way.answer(new)
            self._way.ask(min(len(free), max(0, count - len(released) - _AT_ONCE + len(free))))
        seconds = time.monotonic() - began
        busy = (time.process_time() - cpu) / seconds
        if asked != released:
            raise BenchError("questions were lost or doubled")
        return seconds, busy

    def _hear(self) -> tuple[list[bytes], list[bytes]]:
        """Wait for news; return which questions were asked and which are released."""
        asked, released = [], []
        for line, message in self._crowd.receive():
            if line is self._asker and questions.is_a(questions.RELEASED, message):
                released.append(questions.check_release(message))
            elif line is self._answerer and questions.is_a(questions.ASKED, message):
                asked.append(questions.asked_in(message))
            elif line not in (self._asker, self._answerer):
                self._way.done(line)
        return asked, released

    def stop(self) -> None:
        """Close everything."""
        self._crowd.stop()
        self._way.stop()
        self._asker.stop()
        self._answerer.stop()


def _note(seen: set[bytes], new: list[bytes]) -> None:
    before = len(seen)
    seen.update(new)
    if len(seen) != before + len(new):
        raise BenchError("a question came twice")


def run(bench: Bench) -> list[Row]:
    """Measure both ways in turn."""
    product = bench.scope.owns(Product(bench.folder(PRODUCT)))
    rates, busy, cpu = Samples(), Samples(), Samples()
    ways = {way: bench.scope.owns(Dialogue(product, way)) for way in (_WEBSOCKET, _HTTP)}
    count = 500 if bench.plan.quick else 2000
    with pinned(LOAD_CORE):
        for dialogue in ways.values():
            dialogue.run(2 * _AT_ONCE)
        for _ in bench.repetitions():
            for way, dialogue in ways.items():
                before = cpu_seconds(product.pid)
                seconds, share = dialogue.run(count)
                rates.add(way, count / seconds)
                busy.add(way, share)
                cpu.add(way, 1000 * (cpu_seconds(product.pid) - before) / count)
    return [_row(rates, busy, cpu)]


def _row(rates: Samples, busy: Samples, cpu: Samples) -> Row:
    shown = " · ".join(f"{way} {used:.2f}" for way, used in cpu.medians().items())
    return Row(
        program=PROGRAM.name,
        case="100 at once",
        unit="questions/s",
        figures=rates.medians(),
        goals=[
            Goal("", "at least", _WANTED, rates.median(_WEBSOCKET), "questions/s by WebSocket"),
            Goal(_HTTP, "at least", _RATIO, rates.ratio(_WEBSOCKET, _HTTP)),
        ],
        lower_is_better=False,
        note=f"server CPU per question, ms: {shown}; "
        f"the two ends' at most {max(busy.medians().values()):.0%} of the time",
    )


PROGRAM = Program("asking-many", "ask → answer → released, 100 questions at once", run)
