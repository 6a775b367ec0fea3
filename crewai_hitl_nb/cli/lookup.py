"""Finds the request that a person names by its id or the beginning of it.

A whole id costs one call. A beginning is held against **every** request in the log, the
closed ones too: were it held against the pending ones only, "0193a" might mean one
question when it is read and another when it is answered, and somebody would approve what
they never saw.
"""

import re
from typing import TYPE_CHECKING, Final

import click

from crewai_hitl_nb.cli.settings import Settings
from crewai_hitl_nb.protocol.errors import HitlError, UnknownRequest

if TYPE_CHECKING:
    from crewai_hitl_nb.client import Client, Request

SHORTEST_PREFIX: Final = 4
"""Fewer characters are a slip of the hand rather than a name."""

_SHOWN: Final = 5

_TYPEABLE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+,/-]*")
"""What every shell takes for one plain word. Completion puts an id on the command line as it is,
and Enter would run a ``$(…)`` that a publisher wrote into it; quoting differs by shell and by what
was typed before. So any other id is not offered: it is copied from `pending`, between quotes."""


def find_request(client: "Client", named: str) -> "Request":
    """Return the request with this id, or the only one whose id begins so.

    Raises:
        UnknownRequest: There is none.
        click.UsageError: There are several; names some.
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
        raise click.UsageError(f"`{named}` is the beginning of {some}{more}; name one of them")
    return found[0]


def complete_request_id(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the pending requests' ids, for the shell's completion."""
    try:
        with (ctx.find_object(Settings) or Settings()).client() as client:
            ids = [request.request_id for request in client.pending()]
    except (HitlError, click.ClickException):
        return []  # a shell that completes has no place for an error
    return [whole for whole in ids if whole.startswith(incomplete) and _TYPEABLE.fullmatch(whole)]
