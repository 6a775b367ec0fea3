"""Writes what a run found: one part of ``docs/performance.md``, and the chart.

That part stands between two marks; the rest of the page is written by hand. A report holds the
numbers of one run and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import chart
from benchmarks.printing import number, verdict
from benchmarks.program import Program
from benchmarks.results import PRODUCT, Figures, Row

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "performance.md"
CHART = DOCS / "images" / "performance.svg"
BEGIN = "<!-- results: `make bench` writes from here … -->"
END = "<!-- … to here -->"
_LIMITS = ("bare loop", "joined loop", "commit", "fdatasync per event", "NOTIFY to LISTEN")


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
        *_missed(rows),
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


def _missed(rows: Sequence[Row]) -> list[str]:
    missed = [(row, goal) for row in rows for goal in row.goals if not goal.reached]
    lines = [f"* {row.program}, {row.case}: {verdict(goal)}" for row, goal in missed]
    return ["Not reached:\n", *lines, ""] if lines else []


def _table(rows: Sequence[Row]) -> list[str]:
    """Return a table; a column that would be empty is left out."""
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    columns = {
        "case": [_case(row, notes) for row in rows],
        "product": [_product(row) for row in rows],
        "peers": [_lines(_others(row, limits=False)) for row in rows],
        "limit": [_lines(_others(row, limits=True)) for row in rows],
        "goals": [_goals(row) for row in rows],
    }
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    lines = [f"| {' | '.join(shown)} |", "|" + "---|" * len(shown)]
    lines += [f"| {' | '.join(cells)} |" for cells in zip(*shown.values(), strict=True)]
    return [*lines, "", *(f"{place}. {note}" for place, note in enumerate(notes, 1)), ""]


def _case(row: Row, notes: list[str]) -> str:
    sign = f" [{notes.index(row.note) + 1}]" if row.note else ""
    return f"{row.case}, {row.unit}{sign}"


def _product(row: Row) -> str:
    return number(row.figures[PRODUCT]) if PRODUCT in row.figures else _lines(row.figures)


def _others(row: Row, *, limits: bool) -> Figures:
    """Return the peers' figures, or the limits'; a row without the product has none."""
    if PRODUCT not in row.figures:
        return {}
    named = {name: value for name, value in row.figures.items() if name != PRODUCT}
    return {name: value for name, value in named.items() if (name in _LIMITS) == limits}


def _lines(named: Figures) -> str:
    joined = "<br>".join(f"{name}: {number(value)}" for name, value in named.items())
    return joined.replace(" ", "\N{NO-BREAK SPACE}")


def _goals(row: Row) -> str:
    return "<br>".join(f"{'✓' if goal.reached else '✗'} {verdict(goal)}" for goal in row.goals)
