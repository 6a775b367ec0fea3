"""``crewai-hitl doctor``: checks the installation and the server, and says how to fix faults."""

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
    """Check the installation and the server, and say how to fix what is broken.

    A note is not a fault: it describes this environment. The exit code is 0 if nothing is
    broken, and 1 otherwise.
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
    if check.fix:
        settings.screen.say(("        fix: ", "bold"), check.fix)
