"""Exit codes: how a command ends, as a table, and the one place that applies it.

    0  ok
    1  it failed: the reason is on stderr
    2  usage: the command line is wrong (click's own code)
    3  no server was found, or the one named cannot be reached
    4  not authorised: no token, a wrong one, or one without the right
    5  no such request
    6  conflict: the request was answered, cancelled or expired before
    7  `audit verify`: nothing is wrong, but the trail is only a part of its log

Above it is ``main.py``; the commands raise errors and never choose a number.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

import click

from crewai_hitl_nb.cli.settings import Settings
from crewai_hitl_nb.protocol.errors import HitlError


class Exit(IntEnum):
    """How a command ends; scripts rely on the numbers."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NO_SERVER = 3
    NOT_AUTHORISED = 4
    UNKNOWN_REQUEST = 5
    CONFLICT = 6
    PART = 7


# By code rather than by class: the client's classes cost its import.
_BY_CODE: Final[Mapping[str, Exit]] = {
    "no_server": Exit.NO_SERVER,
    "server_away": Exit.NO_SERVER,
    "not_found": Exit.NO_SERVER,  # a server, but nothing of ours at this URL
    "forbidden": Exit.NOT_AUTHORISED,
    "unknown_request": Exit.UNKNOWN_REQUEST,
    "already_answered": Exit.CONFLICT,
    "cancelled": Exit.CONFLICT,
    "expired": Exit.CONFLICT,
}


def exit_of(error: HitlError) -> Exit:
    """Return the exit code that an error of the tree means."""
    return _BY_CODE.get(error.code, Exit.FAILURE)


class Commands(click.Group):
    """The group of commands: turns an error of the tree into its line and exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except HitlError as error:
            ctx.ensure_object(Settings).screen.refusal(error)
            ctx.exit(exit_of(error))
