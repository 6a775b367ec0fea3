"""Ask → answer → released, durable, one at a time, beside Jupyter's own ``input()``.

Three forms take turns: the product between two WebSocket clients, ``hitl.ask()`` in a cell of a
real kernel, and ``input()`` in the same kernel, whose line goes straight to the kernel's socket and
is stored nowhere. Each question must be released once, by the text that was sent for it.
"""

import statistics
import time
from dataclasses import dataclass, field

from benchmarks.load.dialogue import Line, WebSocketLine
from benchmarks.processes import LOAD_CORE, BenchError, pinned
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Row, Samples, at_most
from benchmarks.targets import questions
from benchmarks.targets.kernel import Kernel
from benchmarks.targets.product import Product

_CELL = "ask() in a cell"
_INPUT = "Jupyter's input()"
_EXECUTION = "asked-from-here"
_WARM_UP = 5
_SETUP = """
import time
import crewai_hitl_nb as hitl
hitl.enable()
asked = []
def ask():
    began = time.monotonic_ns()
    said = hitl.ask("Is this draft good?")
    asked.append([began, time.monotonic_ns(), said])
"""


@dataclass(frozen=True)
class Times:
    """Of one question, in seconds: all of it, and from its answer on."""

    whole: float
    released: float


class Ends:
    """Who asks and who answers, each on a WebSocket of the product."""

    def __init__(self, product: Product) -> None:
        """Connect both."""
        headers = product.server.headers
        released = questions.stream(questions.RELEASED, _EXECUTION)
        self.asker = WebSocketLine(product.port, released, headers)
        self.answerer = WebSocketLine(product.port, questions.stream(questions.ASKED), headers)

    def ask(self) -> Times:
        """Ask and answer once, from here."""
        began = time.monotonic()
        self.asker.send(questions.ask_frame(_EXECUTION))
        question, answered = self.answer()
        if questions.check_release(_until(self.asker, questions.RELEASED)) != question:
            raise BenchError("another question was released")
        released = time.monotonic()
        return Times(released - began, released - answered)

    def answer(self) -> tuple[bytes, float]:
        """Answer the next question; return it, and when it was answered."""
        question = questions.asked_in(_until(self.answerer, questions.ASKED))
        answered = time.monotonic()
        self.answerer.send(questions.answer_frame(question))
        return question, answered

    def stop(self) -> None:
        """Close both."""
        self.asker.stop()
        self.answerer.stop()


def _until(line: Line, kind: bytes) -> bytes:
    """Return the next event of a type; what comes before are acknowledgements."""
    while True:
        for message in line.receive():
            if questions.is_a(kind, message):
                return message


def _ask_in_a_cell(kernel: Kernel, ends: Ends) -> Times:
    """Ask in a cell and answer from here; the kernel's clock is this machine's, as ours."""
    cell = kernel.begin("ask()")
    question, answered = ends.answer()
    kernel.finish(cell)
    began, released, said = kernel.value("asked[-1]")
    if said.encode() != questions.answer_to(question):
        raise BenchError(f"ask() returned {said!r}, which nobody answered to it")
    return Times((released - began) / 1e9, released / 1e9 - answered)


def _input(kernel: Kernel) -> Times:
    """Ask as Jupyter does; its release is the end of the cell."""
    began = time.monotonic()
    cell = kernel.begin("input('Is this draft good? ')")
    kernel.await_input()
    replied = time.monotonic()
    kernel.reply("yes")
    kernel.finish(cell)
    ended = time.monotonic()
    return Times(ended - began, ended - replied)


@dataclass
class Turns:
    """The medians of each repetition, in milliseconds, by form."""

    whole: Samples = field(default_factory=Samples)
    released: Samples = field(default_factory=Samples)

    def add(self, form: str, times: list[Times]) -> None:
        """Note one repetition of a form."""
        self.whole.add(form, 1000 * statistics.median(one.whole for one in times))
        self.released.add(form, 1000 * statistics.median(one.released for one in times))


def run(bench: Bench) -> list[Row]:
    """Measure the three forms in turn."""
    product = bench.scope.owns(Product(bench.folder(PRODUCT)))
    kernel = bench.scope.owns(Kernel(product.server))
    ends = bench.scope.owns(Ends(product))
    kernel.run(_SETUP)
    turns = Turns()
    with pinned(LOAD_CORE):
        _repeat(ends, kernel, _WARM_UP)
        for _ in bench.repetitions():
            for form, times in _repeat(ends, kernel, 20 if bench.plan.quick else 50).items():
                turns.add(form, times)
    return [_row("answer → released", turns.released), _row("whole", turns.whole)]


def _repeat(ends: Ends, kernel: Kernel, count: int) -> dict[str, list[Times]]:
    """Ask so many questions in each form, one form after the other."""
    times: dict[str, list[Times]] = {PRODUCT: [], _CELL: [], _INPUT: []}
    for _ in range(count):
        times[PRODUCT].append(ends.ask())
        times[_CELL].append(_ask_in_a_cell(kernel, ends))
        times[_INPUT].append(_input(kernel))
    return times


def _row(case: str, samples: Samples) -> Row:
    return Row(
        program=PROGRAM.name,
        case=f"one at a time, {case}",
        unit="ms",
        figures=samples.medians(),
        goals=[*at_most(1.0, samples, PRODUCT, _INPUT), *at_most(1.0, samples, _CELL, _INPUT)],
        note="the goals are those of the product, and of ask() in a cell",
    )


PROGRAM = Program(
    "asking", "ask → answer → released, beside Jupyter's own input()", run, quick=False
)
