"""What a benchmark program is: a name, a sentence, and a function from a bench to rows.

A new program is a file in ``programs/`` with one :class:`Program`, named in
``programs/__init__.py``. It starts what it needs through the bench, which stops it; it measures
in interleaved repetitions (:meth:`Bench.repetitions`); and it raises
:class:`~benchmarks.processes.BenchError` when anything was lost, doubled or reordered.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.results import Row
from benchmarks.scope import Scope


@dataclass(frozen=True)
class Plan:
    """What a run should do; a program takes from it what fits it.

    Attributes:
        quick: Everything as small as it still shows something.
        repetitions: How often each target is measured, in turn.
        sizes: Numbers of subscribers instead of the program's own.
        transports: Of ``ws`` and ``sse``.
        targets: Names of targets, for whoever wants to see only some.
        options: What only one program knows, ``name=value``.
    """

    quick: bool = False
    repetitions: int = 5
    sizes: Sequence[int] = ()
    transports: Sequence[Literal["ws", "sse"]] = ("ws", "sse")
    targets: Sequence[str] = ()
    options: dict[str, str] = field(default_factory=dict)

    def wants(self, target: str) -> bool:
        """Say whether a target takes part."""
        return not self.targets or target in self.targets


@dataclass
class Bench:
    """What a program works with: the plan, a folder, and an owner of what it starts."""

    plan: Plan
    scratch: Path
    scope: Scope

    def folder(self, name: str) -> Path:
        """Return a new folder for one target's files."""
        number = sum(1 for _ in self.scratch.iterdir())
        path = self.scratch / f"{number:03}-{name}"
        path.mkdir()
        return path

    def repetitions(self) -> range:
        """Return the repetitions; measure every target once in each."""
        return range(self.plan.repetitions)

    @contextlib.contextmanager
    def fresh(self) -> Iterator[Scope]:
        """Give one case an owner of its own, so that it leaves nothing to the next."""
        with Scope() as scope:
            yield scope

    def say(self, text: str) -> None:
        """Tell the person who waits what happens now."""
        print(f"   {text}", flush=True)


@dataclass(frozen=True)
class Program:
    """One benchmark.

    Attributes:
        quick: Whether it is part of a quick run that names no programs: those that start many
            servers or a browser are not.
    """

    name: str
    about: str
    run: Callable[[Bench], list[Row]]
    quick: bool = True
