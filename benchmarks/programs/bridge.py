"""The bridge's cost inside a crew's run: real crews of crewAI on a model that answers at once.

A crew that asks nobody should not notice that the bridge is enabled. A crew whose draft a person
reviews is measured beside crewAI's own console prompt; the person takes no time in either, so what
is left is the way to the person and back: for the bridge, two durable events and a server between.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.load.dialogue import WebSocketLine
from benchmarks.processes import LOAD_CORE, BenchError, pinned
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Row, Samples, at_most
from benchmarks.targets import questions
from benchmarks.targets.product import Product
from tests.jupyter_process import QUIET_CREWAI, REPOSITORY

_QUIET, _QUIET_ON = "bridge off", "bridge on"
_CONSOLE, _BRIDGED = "crewAI's console", "through the bridge"
_FORMS = {_QUIET: "quiet", _QUIET_ON: "quiet-on", _CONSOLE: "console", _BRIDGED: "bridged"}
_UNNOTICED = 1.05
_FIRST = 3
"""Kickoffs that are not counted, as ``servers/crews.py`` says."""


PYTHONPATH = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "notebooks")])
"""This package, and the scripted model."""


class Crews:
    """The process that runs crews, and the person who approves whatever they ask."""

    def __init__(self, product: Product, scratch: Path) -> None:
        """Start it."""
        server = product.server
        command = [sys.executable, "-m", "benchmarks.servers.crews", server.prefix, server.token]
        env = {**server.env, **QUIET_CREWAI, "PYTHONPATH": PYTHONPATH}
        self._log = (scratch / "crews.log").open("wb")
        with pinned(LOAD_CORE):
            self._process = subprocess.Popen(
                command,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
            )
        self._person = WebSocketLine(
            product.port, questions.stream(questions.ASKED), server.headers
        )

    def run(self, form: str, count: int) -> tuple[float, float]:
        """Run crews of a form; return one's median milliseconds, by the clock and of work."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{form} {count}\n")
        self._process.stdin.flush()
        if form == "bridged":
            self._approve(_FIRST + count)
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"the crews ended; see {self._log.name}")
        clock, work = zip(*json.loads(line), strict=True)
        return statistics.median(clock), statistics.median(work)

    def _approve(self, count: int) -> None:
        approved = set[bytes]()
        while len(approved) < count:
            for message in self._person.receive():
                if questions.is_a(questions.ASKED, message):
                    question = questions.asked_in(message)
                    if question in approved:
                        raise BenchError("a question came twice")
                    approved.add(question)
                    self._person.send(questions.approve_frame(question))

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()
        self._person.stop()


def run(bench: Bench) -> list[Row]:
    """Measure the four forms in turn."""
    product = bench.scope.owns(Product(bench.folder(PRODUCT)))
    crews = bench.scope.owns(Crews(product, bench.folder("crews")))
    clock, work = Samples(), Samples()
    count = 5 if bench.plan.quick else 15
    for form in _FORMS.values():
        crews.run(form, 2)
    for _ in bench.repetitions():
        for name, form in _FORMS.items():
            by_clock, of_work = crews.run(form, count)
            clock.add(name, by_clock)
            work.add(name, of_work)
    return [
        _row("a crew that asks nobody, its process's work", work, _QUIET_ON, _QUIET),
        _row("a crew that asks nobody", clock, _QUIET_ON, _QUIET),
        _row("a crew that is reviewed", clock, _BRIDGED, _CONSOLE),
    ]


def _row(case: str, samples: Samples, ours: str, theirs: str) -> Row:
    more = samples.median(ours) - samples.median(theirs)
    return Row(
        program=PROGRAM.name,
        case=case,
        unit="ms a run",
        figures={name: samples.median(name) for name in (ours, theirs)},
        goals=at_most(_UNNOTICED, samples, ours, theirs) if "work" in case else [],
        note=f"the bridge's cost: {more:.3g} ms a run",
    )


PROGRAM = Program("bridge", "the bridge's cost inside a crew's run", run, quick=False)
