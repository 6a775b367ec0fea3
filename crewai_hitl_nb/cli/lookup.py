"""Finds a request by its id or by the beginning of its id.

A complete id costs one call. A beginning is compared with **every** request in the log, including
the closed ones. If only pending requests counted, "0193a" could mean one question when a person
reads it and another when they answer, and they would approve something they never saw.
"""

import re
from typing import TYPE_CHECKING, Final

import click

from crewai_hitl_nb.cli.settings import Settings
from crewai_hitl_nb.protocol.errors import HitlError, UnknownRequest

if TYPE_CHECKING:
    from crewai_hitl_nb.client import Client, Request

SHORTEST_PREFIX: Final = 4
"""A shorter prefix is more likely a typing error than meant as an id."""

_SHOWN: Final = 5

_TYPEABLE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+,/-]*")
"""Ids that every shell reads as one plain word. Completion inserts an id unquoted, so Enter would
run a ``$(…)`` that a publisher put into it; correct quoting depends on the shell and on what was
typed before. So other ids are not offered: copy them from `pending` and put them in quotes."""


def find_request(client: "Client", named: str) -> "Request":
    """Return the request with this id, or the only one whose id begins this way.

    Raises:
        UnknownRequest: No request matches.
        click.UsageError: Several requests match; the message names some.
    """
    try:
        return client.request(named)
    except UnknownRequest:
        if len(named) < SHORTEST_PREFIX:
            raise
    found = [request for request in client.requests() if request.request_id.startswith(named)]
    if not found:
        raise UnknownRequest(
            f"there is no request `{named}`; `crewai-hitl pending` lists the open ones",
            request_id=named,
        )
    if len(found) > 1:
        some = ", ".join(request.request_id for request in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise click.UsageError(
            f"several ids begin with `{named}`: {some}{more}; type more characters of the id"
        )
    return found[0]


def complete_request_id(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the ids of pending requests, for shell completion."""
    try:
        with (ctx.find_object(Settings) or Settings()).client() as client:
            ids = [request.request_id for request in client.pending()]
    except (HitlError, click.ClickException):
        return []  # completion cannot show an error
    return [whole for whole in ids if whole.startswith(incomplete) and _TYPEABLE.fullmatch(whole)]
