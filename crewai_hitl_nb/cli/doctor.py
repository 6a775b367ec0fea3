"""``crewai-hitl doctor``: checks installation, server and database, and says how to fix faults."""

from typing import TYPE_CHECKING, Final

import click

from crewai_hitl_nb.cli.settings import STORE_VARIABLE, Settings, json_option, server_options

if TYPE_CHECKING:
    from crewai_hitl_nb.cli.checks import Check, State

_MARKS: "Final[dict[State, tuple[str, str]]]" = {
    "ok": ("ok    ", "green"),
    "note": ("note  ", "cyan"),
    "broken": ("broken", "bold red"),
}


@click.command()
@click.option(
    "--store",
    metavar="URL",
    envvar=STORE_VARIABLE,
    help="Also check the PostgreSQL database that servers keep the events in; also"
    f" {STORE_VARIABLE}.",
)
@server_options
@json_option
@click.pass_obj
def doctor(settings: Settings, store: str | None) -> None:
    """Check the installation and the server, and say how to fix what is broken.

    A note is not a fault: it describes this environment. The exit code is 0 if nothing is
    broken, and 1 otherwise.
    """
    from crewai_hitl_nb.cli.checks import environment_checks, server_checks

    checks = [*server_checks(settings), *environment_checks()]
    if store:
        from crewai_hitl_nb.cli.database_checks import store_checks

        checks += store_checks(store)
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
