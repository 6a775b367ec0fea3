"""``crewai-hitl salvage``: makes a new log from the readable events of a damaged one.

The log is the file of a stopped server (``store/sqlite/salvage.py``), so there is nothing to ask
over the network. This command imports the server half, as ``keys`` does, but only when it runs.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from crewai_hitl_nb.cli.settings import Settings, json_option

if TYPE_CHECKING:
    from crewai_hitl_nb.store.sqlite.salvage import Salvaged

_SHOWN: Final = 10
"""How many ranges and ids are printed; ``--json`` lists them all."""


@click.command()
@click.argument("log", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the new log to this path and leave LOG where it is.",
)
@json_option
@click.pass_obj
def salvage(settings: Settings, log: Path, to: Path | None) -> None:
    """Make a new log from the readable events of the damaged file LOG.

    Stop the server of this log first. The damaged file is kept unchanged under another name
    (LOG.damaged-...), and the new log takes its place.

    Events keep their offsets. The new log has a new epoch, so that every reader learns that
    events may be missing.
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
        lines.append(f"left out, because it or the event before it was changed: {_some(changed)}")
    if report.unverified:
        unverified = [str(offset) for offset in report.unverified]
        lines.append(f"kept, but nothing proves that they are unchanged: {_some(unverified)}")
    if report.ended:
        lines.append(
            f"cancelled, because their closing event was lost: {_some(list(report.ended))}"
        )
    return lines


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
