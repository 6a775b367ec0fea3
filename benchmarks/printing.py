"""Rows as text for a terminal, and numbers as people read them."""

from collections.abc import Mapping, Sequence

from benchmarks.results import Goal, Row


def number(value: float) -> str:
    """Return a number with three digits that mean something."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def figures(named: Mapping[str, float]) -> str:
    """Return figures with their names on one line."""
    return " · ".join(f"{name} {number(value)}" for name, value in named.items())


def verdict(goal: Goal) -> str:
    """Return a goal with what came out."""
    unit = "×" if goal.unit == "x" else f" {goal.unit}"
    sign = "≤" if goal.sense == "at most" else "≥"
    word = "reached" if goal.reached else "MISSED"
    says = f" of {goal.says}" if goal.says else ""
    return f"{number(goal.value)}{unit}{says} (goal {sign} {goal.bound:,g}): {word}"


def table(rows: Sequence[Row]) -> str:
    """Return rows as lines."""
    lines = []
    for row in rows:
        lines.append(f"   {row.case} [{row.unit}]: {figures(row.figures)}")
        lines += [f"      {verdict(goal)}" for goal in row.goals]
        lines += [f"      {row.note}"] if row.note else []
    return "\n".join(lines)
