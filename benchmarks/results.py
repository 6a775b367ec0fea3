"""Results: samples of interleaved repetitions, goals, and rows of the report.

Pure: it starts nothing and reads no clock. Absolute times mean little on a shared machine, so a
goal is a ratio of figures that were measured within one repetition, and its median over all.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

PRODUCT = "product"
Figures = Mapping[str, float]


@dataclass
class Samples:
    """Figures by name (mostly a target's), one for each repetition, in their order."""

    each: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, figure: float) -> None:
        """Note the figure of one more repetition."""
        self.each.setdefault(name, []).append(figure)

    def median(self, name: str) -> float:
        """Return the median over the repetitions."""
        return statistics.median(self.each[name])

    def medians(self) -> dict[str, float]:
        """Return every name's median."""
        return {name: self.median(name) for name in self.each}

    def ratio(self, name: str, *others: str) -> float:
        """Return the median of the paired ratios: `name` to the sum of the `others`."""
        above = self.each[name]
        below = [sum(self.each[other][i] for other in others) for i in range(len(above))]
        return statistics.median([a / b for a, b in zip(above, below, strict=True)])

    def has(self, *names: str) -> bool:
        """Say whether all of them were measured."""
        return all(name in self.each for name in names)


@dataclass(frozen=True)
class Goal:
    """One goal of a row, with what came out.

    Attributes:
        says: What is compared, for example ``bare loop + one commit``.
        sense: Whether `bound` is the most or the least.
        bound: The goal.
        value: What was measured.
        unit: ``x`` for a ratio.
    """

    says: str
    sense: Literal["at most", "at least"]
    bound: float
    value: float
    unit: str = "x"

    @property
    def reached(self) -> bool:
        """Whether the value keeps the bound."""
        return self.value <= self.bound if self.sense == "at most" else self.value >= self.bound


@dataclass(frozen=True)
class Row:
    """One line of the report: a program's case, its medians by target, and its goals.

    Attributes:
        figures: The medians. A target that was not measured is missing.
        lower_is_better: How to read the figures.
        note: What a reader must know to read them.
    """

    program: str
    case: str
    unit: str
    figures: Figures
    goals: Sequence[Goal] = ()
    lower_is_better: bool = True
    note: str = ""


def at_most(bound: float, samples: Samples, name: str, *others: str) -> list[Goal]:
    """Return the goal on a paired ratio, or none where something was not measured."""
    if not samples.has(name, *others):
        return []
    return [Goal(" + ".join(others), "at most", bound, samples.ratio(name, *others))]


def at_least(bound: float, samples: Samples, name: str, *others: str) -> list[Goal]:
    """Return the goal on a paired ratio, or none where something was not measured."""
    if not samples.has(name, *others):
        return []
    return [Goal(" + ".join(others), "at least", bound, samples.ratio(name, *others))]
