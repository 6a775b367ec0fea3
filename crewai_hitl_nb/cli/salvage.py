"""``crewai-hitl salvage``: a new log out of what a damaged one still holds.

Like ``keys`` it knows the server half, and only while it runs: the log is a file of a stopped
server's (``store/sqlite/salvage.py``), not something that is asked for over the network.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from crewai_hitl_nb.cli.settings import Settings, json_option

if TYPE_CHECKING:
    from crewai_hitl_nb.store.sqlite.salvage import Salvaged

_SHOWN: Final = 10
"""Ranges and ids that are said in words; ``--json`` has them all."""


@click.command()
@click.argument("log", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the new log there and leave LOG where it is.",
)
@json_option
@click.pass_obj
def salvage(settings: Settings, log: Path, to: Path | None) -> None:
    """Make a new log out of what the damaged file LOG still holds.

    The server of this log must be stopped. The damaged file is kept, byte for byte, under
    another name (LOG.damaged-...), and the new one takes its place.

    Events keep their places. The new log's epoch is new, so that every reader sees that
    something may be missing.
    """
    from crewai_hitl_nb.store.sqlite import salvage as work

    now = datetime.now(timezone.utc)
    if to is None:
        report, aside = work.salvage_in_place(log, now)
        new = log
    else:
        report, aside, new = work.salvage(log, to, now), log, to
    if settings.as_json:
        settings.screen.record({"log": str(new), "damaged": str(aside), **_record(report)})
        return
    settings.screen.say(f"{new} is the new log; the damaged one is {aside}")
    for line in _lines(report):
        settings.screen.say(line)


def _record(report: "Salvaged") -> dict[str, object]:
    return {name: getattr(report, name) for name in report.__struct_fields__}


def _lines(report: "Salvaged") -> list[str]:
    lost = sum(last - first + 1 for first, last in report.lost)
    lines = [f"kept {report.kept} events, {report.pending} open questions; lost {lost} events"]
    if report.lost:
        ranges = [str(a) if a == b else f"{a}-{b}" for a, b in report.lost]
        lines.append(f"lost offsets: {_some(ranges)}")
    if report.changed:
        changed = [str(offset) for offset in report.changed]
        lines.append(f"left out, because it or the one before was changed: {_some(changed)}")
    if report.unverified:
        unverified = [str(offset) for offset in report.unverified]
        lines.append(f"kept, though nothing proves that they were written so: {_some(unverified)}")
    if report.ended:
        lines.append(f"cancelled, because their end was lost: {_some(list(report.ended))}")
    return lines


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
