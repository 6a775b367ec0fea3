"""``crewai-hitl copy``: moves a log to another file or database.

The rules are in ``store/copying.py``. This command imports the server half, as ``keys`` does, but
only when it runs.
"""

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

import click

from crewai_hitl_nb.cli.settings import Settings, json_option
from crewai_hitl_nb.cli.stored_log import complete_file, existing_log, location_of

if TYPE_CHECKING:
    from crewai_hitl_nb.cli.output import Screen
    from crewai_hitl_nb.store.copying import Progress
    from crewai_hitl_nb.store.open import Location

_NEWS: Final = 10
"""Progress is shown this often, in equal parts of the events."""

_SHOWN: Final = 10
"""How many offsets are printed; ``--json`` lists them all."""


@click.command()
@click.argument("source", metavar="FROM", callback=existing_log, shell_complete=complete_file)
@click.argument("target", metavar="TO", callback=location_of, shell_complete=complete_file)
@json_option
@click.pass_obj
def copy(settings: Settings, source: "Location", target: "Location") -> None:
    """Move the log FROM to TO: from SQLite to PostgreSQL, or back.

    Each is the path of a file or a postgresql:// URL. Stop the servers of both first.

    TO becomes the same log: its events keep their offsets and seals, so readers and webhooks
    continue where they were. FROM stays as it is, but it is retired: no server opens it again.
    If the command is interrupted, run it again to finish.
    """
    from crewai_hitl_nb.store import copying

    news = _News(settings.screen, f"from {source} to {target}")
    done = copying.copy(source, target, datetime.now(timezone.utc), news.tell)
    if settings.as_json:
        settings.screen.record(done)
        return
    files = f" and {done.files} files" if done.files else ""
    settings.screen.say(
        f"moved {done.events} events and {done.requests} requests{files} to {done.target}; "
        f"{done.source} is retired"
    )
    settings.screen.say(f"head {done.head}")
    if done.unproven:
        shown = ", ".join(map(str, done.unproven[:_SHOWN]))
        more = len(done.unproven) - _SHOWN
        shown += f" and {more} more" if more > 0 else ""
        settings.screen.say(f"records that do not match their seals, in both logs: {shown}")
    if done.lost_files:
        lost = ", ".join(done.lost_files[:_SHOWN])
        settings.screen.say(f"files whose content was lost or changed in {done.source}: {lost}")


class _News:
    """Prints the progress to stderr."""

    def __init__(self, screen: "Screen", what: str) -> None:
        self._screen = screen
        self._what = what
        self._part = 0

    def tell(self, progress: "Progress") -> None:
        """Print a step; of the pages of events only some."""
        if progress.step in ("begun", "continued", "begun again"):
            self._screen.ask(f"{progress.step} copying {self._what}: {_share(progress)}")
        elif progress.step == "events":
            part = progress.events * _NEWS // max(progress.of, 1)
            if part > self._part:
                self._part = part
                self._screen.ask(f"copied {_share(progress)}")
        elif progress.step == "rest":
            self._screen.ask("verifying the copy")


def _share(progress: "Progress") -> str:
    return f"{progress.events:,} of {progress.of:,} events"
