"""``crewai-hitl doctor``: what is wired and what is not, with the mend for each."""

from typing import TYPE_CHECKING, Final

import click

from crewai_hitl_nb.cli.settings import Settings, json_option, server_options

if TYPE_CHECKING:
    from crewai_hitl_nb.cli.checks import Check, State

_MARKS: "Final[dict[State, tuple[str, str]]]" = {
    "ok": ("ok    ", "green"),
    "note": ("note  ", "cyan"),
    "broken": ("broken", "bold red"),
}


@click.command()
@server_options
@json_option
@click.pass_obj
def doctor(settings: Settings) -> None:
    """Say what is wired and what is not, with the mend for each.

    A note is no fault: it says what this place is. Exit code 0 when nothing is broken, 1
    when something is.
    """
    from crewai_hitl_nb.cli.checks import environment_checks, server_checks

    checks = [*server_checks(settings), *environment_checks()]
    for check in checks:
        if settings.as_json:
            settings.screen.record(check)
        else:
            _tell(settings, check)
    if any(check.state == "broken" for check in checks):
        raise click.exceptions.Exit(1)


def _tell(settings: Settings, check: "Check") -> None:
    settings.screen.say(_MARKS[check.state], f"  {check.name}: {check.message}")
    if check.mend:
        settings.screen.say(("        mend: ", "bold"), check.mend)
