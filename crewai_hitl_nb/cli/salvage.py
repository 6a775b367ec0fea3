"""``crewai-hitl salvage``: makes a new log from the readable events of a damaged one.

The log is the file of a stopped server (``store/sqlite/salvage.py``), so there is nothing to ask
over the network. This command imports the server half, as ``keys`` does, but only when it runs.
"""

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from crewai_hitl_nb.cli.settings import Settings, json_option
from crewai_hitl_nb.cli.stored_log import complete_file, existing_log
from crewai_hitl_nb.protocol.errors import HitlError

if TYPE_CHECKING:
    from crewai_hitl_nb.store.open import Location
    from crewai_hitl_nb.store.sqlite.salvage import Salvaged

_SHOWN: Final = 10
"""How many ranges and ids are printed; ``--json`` lists them all."""


@click.command()
@click.argument("log", callback=existing_log, shell_complete=complete_file)
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the new log to this path and leave LOG where it is.",
)
@json_option
@click.pass_obj
def salvage(settings: Settings, log: "Location", to: Path | None) -> None:
    """Make a new log from the readable events of the damaged file LOG.

    Stop the server of this log first. The damaged file is kept unchanged under another name
    (LOG.damaged-...), and the new log takes its place.

    Events keep their offsets. The new log has a new epoch, so that every reader learns that
    events may be missing.
    """
    from crewai_hitl_nb.store.sqlite import salvage as work

    now = datetime.now(timezone.utc)
    path = log.path
    if path is None:
        raise HitlError(
            f"salvage is for damaged SQLite files, and {log} is not one. PostgreSQL repairs itself "
            "after a crash; if its tables are damaged, restore a backup of the database, or "
            "`crewai-hitl copy` from another copy of the log"
        )
    if to is None:
        report, aside = work.salvage_in_place(path, now)
        new = path
    else:
        report, aside, new = work.salvage(path, to, now), path, to
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
    if report.lost_files:
        lines.append(
            f"files whose content is lost, by their hash: {_some(list(report.lost_files))}"
        )
    return lines


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
