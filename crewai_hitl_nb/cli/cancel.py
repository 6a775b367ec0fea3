"""``crewai-hitl cancel``: withdraws a question."""

import click

from crewai_hitl_nb.cli.lookup import complete_request_id, find_request
from crewai_hitl_nb.cli.settings import Settings, json_option, server_options


@click.command()
@click.argument("request_id", shell_complete=complete_request_id)
@server_options
@json_option
@click.pass_obj
def cancel(settings: Settings, request_id: str) -> None:
    """Withdraw the question REQUEST_ID.

    The crew that asked gets no answer, and nothing is approved.
    REQUEST_ID may be the beginning of an id, as long as no other id begins the same way.
    """
    with settings.client() as client:
        whole = find_request(client, request_id).request_id
        client.cancel(whole)
    if settings.as_json:
        settings.screen.record({"request_id": whole, "status": "cancelled"})
    else:
        settings.screen.say(f"cancelled {whole}")
