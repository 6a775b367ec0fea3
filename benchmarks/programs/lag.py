"""The product's loop lag while another program runs: no other request may wait over 50 ms."""

from benchmarks.results import Goal, Row
from benchmarks.targets.product import Lag

_MOST_MS = 50
_BINS = (1, 2, 5, 10, 20, 50, 100, 1000)
"""Upper ends, in milliseconds."""


def histogram(counts: dict[int, int]) -> dict[str, float]:
    """Return how many samples lie in each bin, by its label."""
    found: dict[str, float] = {}
    below = 0
    for end in _BINS:
        found[f"< {end} ms"] = sum(n for ms, n in counts.items() if below <= ms < end)
        below = end
    found[f"≥ {below} ms"] = sum(n for ms, n in counts.items() if ms >= below)
    return {label: count for label, count in found.items() if count}


def lag_row(during: str, lag: Lag) -> Row:
    """Return the row for the lag during a program."""
    worst = float(max(lag.late, default=0) + 1)
    return Row(
        program="lag",
        case=during,
        unit="samples",
        figures=histogram(lag.late),
        goals=[Goal("", "at most", _MOST_MS, worst, unit="ms")],
        note="how late a timer of the Jupyter server's loop came, looked at every 5 ms; at most "
        f"{lag.computing} ms late because the loop itself computed, beyond that its thread waited",
    )
