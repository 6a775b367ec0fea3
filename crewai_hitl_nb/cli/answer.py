"""``crewai-hitl answer``: answers a question from the command line, a pipe or a dialog.

The rule of this file: missing or blank input never becomes an approval. The decision is always
sent to the server by name, never as blank feedback.
"""

import sys
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from crewai_hitl_nb.cli.dialog import ask_for_reply, show_question
from crewai_hitl_nb.cli.file_values import Attached, files_of_fields, uploaded
from crewai_hitl_nb.cli.free_text import FreeTextCommand
from crewai_hitl_nb.cli.lookup import complete_request_id, find_request
from crewai_hitl_nb.cli.settings import Settings, json_option, server_options
from crewai_hitl_nb.protocol.blank import is_blank
from crewai_hitl_nb.protocol.errors import InvalidAnswer, Settled
from crewai_hitl_nb.protocol.events import Decision, HumanInputCompleted, HumanInputRequired
from crewai_hitl_nb.protocol.wire import encode_event
from crewai_hitl_nb.terminal.dialog import Reply, corrected

if TYPE_CHECKING:
    from crewai_hitl_nb.client import Client

VIA: Final = "cli"
_STDIN: Final = "-"

_NEEDS_CONTENT: Final[Mapping[Decision | None, str]] = {
    None: "there is no answer: give TEXT (`-` reads it from stdin), --approve, --reject, "
    "--option, --values or --file. Only in a terminal does this command ask for the answer",
    "edit": "--edit needs TEXT or --values",
}
"""Errors of a command line without content, by its decision."""


@click.command(cls=FreeTextCommand)
@click.argument("request_id", shell_complete=complete_request_id)
@click.argument("text", required=False)
@click.option("--approve", is_flag=True, help="Approve. TEXT is kept as a remark.")
@click.option("--reject", is_flag=True, help="Reject. TEXT is kept as the reason.")
@click.option("--edit", is_flag=True, help="Replace what the crew proposes with TEXT or --values.")
@click.option(
    "--option", "options", metavar="OPTION", multiple=True, help="Choose an option. Repeatable."
)
@click.option("--values", metavar="JSON", help="The form's values, as a JSON object.")
@click.option(
    "--file",
    "attached",
    metavar="FIELD=PATH",
    multiple=True,
    callback=files_of_fields,
    help="Upload a file as the value of a form's field. Repeatable, also for a list of files.",
)
@server_options
@json_option
@click.pass_obj
def answer(
    settings: Settings,
    /,
    request_id: str,
    text: str | None,
    options: tuple[str, ...],
    values: str | None,
    attached: Attached,
    **decisions: bool,
) -> None:
    """Answer the question REQUEST_ID.

    Give TEXT, an option, a form's values or a decision, depending on what the question accepts.
    REQUEST_ID may be the beginning of an id, as long as no other id begins the same way. TEXT is
    feedback and may begin with a dash; `-` reads it from stdin. Without any of these, the command
    shows the question and asks for the answer if it runs in a terminal. Elsewhere it fails,
    because a missing answer never approves anything.
    """
    decision = _chosen(decisions)
    if attached and decision in ("approve", "reject"):
        raise click.UsageError(f"--{decision} takes no --file")
    given = _given(text, options, values if values or not attached else "{}", decision)
    with settings.client() as client:
        if given is not None:
            request = find_request(client, request_id)
            completed = _send(
                client, request.request_id, uploaded(client, request, given, attached)
            )
        else:
            completed = _converse(settings, client, request_id)
    if settings.as_json:
        settings.screen.record(encode_event(completed))
    else:
        settings.screen.say(f"answered {completed.request_id}: {completed.decision}")


def _chosen(decisions: dict[str, bool]) -> Decision | None:
    names: tuple[Decision, ...] = ("approve", "reject", "edit")
    chosen = [name for name in names if decisions[name]]
    if len(chosen) > 1:
        raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} cannot be used together")
    return chosen[0] if chosen else None


def _given(
    text: str | None, options: tuple[str, ...], values: str | None, decision: Decision | None
) -> Reply | None:
    """Return the answer on the command line; None when a dialog is to ask for it."""
    if text == _STDIN:
        text = _from_stdin()
    is_empty = text is None and not options and values is None
    if is_empty and decision is None and sys.stdin.isatty():
        return None
    if text is not None and is_blank(text):
        raise click.UsageError("TEXT is blank; to approve, use --approve")
    if is_empty and decision in _NEEDS_CONTENT:
        raise click.UsageError(_NEEDS_CONTENT[decision])
    if decision in ("approve", "reject") and (options or values is not None):
        raise click.UsageError(f"--{decision} takes neither --option nor --values")
    return Reply(decision or "respond", text or "", options or None, _object(values))


def _from_stdin() -> str:
    """Return all of stdin, without the newline that programs write at its end."""
    try:
        return sys.stdin.buffer.read().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError("the text on stdin is not UTF-8") from None


def _object(values: str | None) -> dict[str, Any] | None:
    if values is None:
        return None
    try:
        return msgspec.json.decode(values, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.UsageError(f"--values is not a JSON object: {error}") from None


def _send(client: "Client", request_id: str, reply: Reply) -> HumanInputCompleted:
    return client.answer(
        request_id,
        reply.text,
        decision=reply.decision,
        options=reply.options,
        values=reply.values,
        via=VIA,
    )


def _converse(settings: Settings, client: "Client", named: str) -> HumanInputCompleted:
    """Show the question and ask until the server accepts an answer.

    If the question was closed meanwhile, show the person the text that they wrote.
    """
    screen = settings.screen
    request: HumanInputRequired = find_request(client, named)
    attach = partial(client.upload, request.request_id)
    show_question(screen, request)
    while True:
        reply = ask_for_reply(screen, request, attach)
        try:
            return _send(client, request.request_id, reply)
        except InvalidAnswer as error:
            screen.ask((f"The answer is not valid: {error.message}", "yellow"))
            request = corrected(request, reply, error.errors)
        except Settled:
            if reply.text:
                screen.ask(f"You wrote:\n{reply.text}")
            raise
