"""``crewai-hitl rules``: lists the rules that people made for tools, and revokes one."""

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click

from crewai_hitl_nb.cli.lookup import SHORTEST_PREFIX
from crewai_hitl_nb.cli.settings import Settings, json_option, server_options
from crewai_hitl_nb.cli.wording import short_ids
from crewai_hitl_nb.terminal.wording import age, by

if TYPE_CHECKING:
    from crewai_hitl_nb.client import Client
    from crewai_hitl_nb.client.results import Rule

COLUMNS = ("ID", "TOOL", "ALLOWED", "BY", "AGE", "ENDS")


@click.group(invoke_without_command=True)
@server_options
@json_option
@click.pass_context
def rules(ctx: click.Context) -> None:
    """List the rules that people made for tools; `rules revoke ID` ends one.

    A person makes a rule on the card of a tool that waits for approval. Calls that it allows are
    approved in that person's name, and say so.
    """
    if ctx.invoked_subcommand is None:
        _list(ctx.ensure_object(Settings))


@rules.command("revoke")
@click.argument("rule_id")
@server_options
@json_option
@click.pass_obj
def revoke(settings: Settings, rule_id: str) -> None:
    """End the rule RULE_ID: from then on a person is asked again.

    RULE_ID may be the beginning of an id, as long as no other rule's id begins the same way.
    """
    with settings.client() as client:
        whole = _find(client, rule_id)
        client.revoke_rule(whole, via="cli")
    if settings.as_json:
        settings.screen.record({"rule_id": whole, "status": "revoked"})
    else:
        settings.screen.say(f"revoked {whole}")


def _list(settings: Settings) -> None:
    screen = settings.screen
    with settings.client() as client:
        found = client.rules()
    if settings.as_json:
        for rule in found:
            screen.record(rule)
        return
    if not found:
        screen.ask("No rule allows any tool.")
        return
    now = datetime.now(timezone.utc)
    shown = short_ids(rule.rule_id for rule in found)
    screen.table(
        COLUMNS,
        [
            (
                shown[rule.rule_id] if screen.is_terminal else rule.rule_id,
                rule.tool,
                _reach(rule),
                by(rule.made_by),
                age(rule.made_at, now),
                f"{rule.expires_at.astimezone():%Y-%m-%d %H:%M}",
            )
            for rule in found
        ],
    )


def _reach(rule: "Rule") -> str:
    """Return how far a rule reaches."""
    if rule.scope == "notebook":
        return f"for {rule.agent} in {rule.notebook}"
    run = f"in run {rule.execution_id}"
    return run if rule.arguments is None else f"{run} with {rule.arguments}"


def _find(client: "Client", named: str) -> str:
    found = [rule.rule_id for rule in client.rules() if rule.rule_id.startswith(named)]
    if named in found or len(named) < SHORTEST_PREFIX or not found:
        return named  # the server says what is wrong with it, if anything
    if len(found) > 1:
        raise click.UsageError(f"several rules begin with `{named}`; type more of the id")
    return found[0]
