"""Writes what a run found: one part of ``docs/performance.md``, and the chart.

That part stands between two marks; the rest of the page is written by hand. A report holds the
numbers of one run and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import chart
from benchmarks.printing import figures, number, verdict
from benchmarks.program import Program
from benchmarks.results import PRODUCT, Row

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "performance.md"
CHART = DOCS / "images" / "performance.svg"
BEGIN = "<!-- results: `make bench` writes from here … -->"
END = "<!-- … to here -->"
_LIMITS = ("bare loop", "commit", "fdatasync per event")


@dataclass(frozen=True)
class Run:
    """What one run of the benchmarks found.

    Attributes:
        failures: Why a program has no result, by its name.
        facts: Where and when it ran.
    """

    programs: Sequence[Program]
    rows: Sequence[Row]
    failures: Mapping[str, str]
    facts: Mapping[str, str]


def write(run: Run) -> None:
    """Put a run's results into the page, and draw the chart."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{results(run)}\n{END}{after}")
    CHART.write_text(chart.draw(run.rows))


def results(run: Run) -> str:
    """Return the generated part of the page."""
    rows = run.rows
    goals = [goal for row in rows for goal in row.goals]
    reached = sum(goal.reached for goal in goals)
    about = {program.name: program.about for program in run.programs}
    names = dict.fromkeys([*about, *(row.program for row in rows)])
    parts = [
        f"{reached} of {len(goals)} goals were reached in this run.\n",
        *(f"* {name}: {fact}" for name, fact in run.facts.items()),
        "",
        f"![{chart.TITLE}](images/{CHART.name})\n",
    ]
    for name in names:
        parts += [f"### {name}\n", f"{about.get(name, 'measured beside the others')}.\n"]
        if name in run.failures:
            parts.append(f"No result: {run.failures[name]}\n")
        some = [row for row in rows if row.program == name]
        parts += _table(some) if some else []
    return "\n".join(parts)


def _table(rows: Sequence[Row]) -> list[str]:
    lines = ["| case | product | peers | limit | goals |", "|---|---|---|---|---|"]
    notes: list[str] = []
    for row in rows:
        sign = ""
        if row.note:
            if row.note not in notes:
                notes.append(row.note)
            sign = f" [{notes.index(row.note) + 1}]"
        goals = "<br>".join(f"{'✓' if goal.reached else '✗'} {verdict(goal)}" for goal in row.goals)
        lines.append(
            f"| {row.case}, {row.unit}{sign} | {_product(row)} | {_others(row)} | {goals} |"
        )
    lines.append("")
    lines += [f"{place}. {note}" for place, note in enumerate(notes, 1)]
    return [*lines, ""] if notes else lines


def _product(row: Row) -> str:
    if PRODUCT in row.figures:
        return number(row.figures[PRODUCT])
    return figures(row.figures).replace(" · ", "<br>")


def _others(row: Row) -> str:
    if PRODUCT not in row.figures:
        return " | "
    limits = {name: row.figures[name] for name in _LIMITS if name in row.figures}
    others = {n: v for n, v in row.figures.items() if n not in limits and n != PRODUCT}
    return " | ".join(figures(some).replace(" · ", "<br>") for some in (others, limits))
