"""The exit codes of all commands, and the one place that applies them.

    0  ok
    1  failure: the reason is on stderr
    2  usage: the command line is wrong (click's own code)
    3  no server was found, or the one named cannot be reached
    4  not authorised: no token, a wrong token, or a token without the permission
    5  no such request
    6  conflict: the request was already answered, cancelled or expired
    7  `audit verify`: nothing is wrong, but the trail covers only part of its log

``main.py`` uses it. The commands raise errors and never choose a number.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final

import click

from crewai_hitl_nb.cli.settings import Settings
from crewai_hitl_nb.protocol.errors import HitlError


class Exit(IntEnum):
    """The exit code of a command; scripts rely on the numbers."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NO_SERVER = 3
    NOT_AUTHORISED = 4
    UNKNOWN_REQUEST = 5
    CONFLICT = 6
    PART = 7


# By code rather than by class, because importing the client's classes is slow.
_BY_CODE: Final[Mapping[str, Exit]] = {
    "no_server": Exit.NO_SERVER,
    "server_away": Exit.NO_SERVER,
    "not_found": Exit.NO_SERVER,  # a server responds, but this package is not at that URL
    "forbidden": Exit.NOT_AUTHORISED,
    "unknown_request": Exit.UNKNOWN_REQUEST,
    "already_answered": Exit.CONFLICT,
    "cancelled": Exit.CONFLICT,
    "expired": Exit.CONFLICT,
}


def exit_of(error: HitlError) -> Exit:
    """Return the exit code for an error."""
    return _BY_CODE.get(error.code, Exit.FAILURE)


class Commands(click.Group):
    """The group of commands: turns a ``HitlError`` into its message and exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except HitlError as error:
            ctx.ensure_object(Settings).screen.refusal(error)
            ctx.exit(exit_of(error))
