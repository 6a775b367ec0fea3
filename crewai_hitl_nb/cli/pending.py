"""``crewai-hitl pending``: lists the questions that wait for a person."""

from datetime import datetime, timezone
from typing import get_args

import click

from crewai_hitl_nb.cli.settings import Settings, json_option, server_options
from crewai_hitl_nb.cli.wording import short_ids
from crewai_hitl_nb.protocol.events import Kind
from crewai_hitl_nb.terminal.wording import age, asker

COLUMNS = ("ID", "WHO ASKS", "PROMPT", "AGE", "ASSIGNEE")


@click.command()
@click.option("--execution", metavar="ID", help="Only this execution.")
@click.option("--crew", metavar="ID", help="Only this crew, by its id.")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Only this kind of question.")
@server_options
@json_option
@click.pass_obj
def pending(settings: Settings, execution: str | None, crew: str | None, kind: str | None) -> None:
    """List the questions that wait for a person, oldest first.

    In a terminal, ids are shortened to a unique beginning, which `answer` and `cancel` accept.
    In a pipe, ids are complete and columns are separated by tabs.
    """
    screen = settings.screen
    with settings.client() as client:
        found = client.requests(status="pending", execution_id=execution, crew_id=crew, kind=kind)
    if settings.as_json:
        for request in found:
            screen.record(request)
        return
    if not found:
        screen.ask("No question is waiting.")
        return
    now = datetime.now(timezone.utc)
    shown = short_ids(request.request_id for request in found)
    screen.table(
        COLUMNS,
        [
            (
                shown[request.request_id] if screen.is_terminal else request.request_id,
                asker(request),
                request.prompt,
                age(request.timestamp, now),
                request.assignee or "",
            )
            for request in found
        ],
    )
