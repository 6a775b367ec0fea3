"""The options that every command shares, and what they come to.

They may stand before the command or after it (``crewai-hitl --json pending`` is
``crewai-hitl pending --json``); the later one wins. Above it are the commands; it knows
how to reach a server and a screen, and what neither is for.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from crewai_hitl_nb.cli.output import Screen
from crewai_hitl_nb.protocol.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from crewai_hitl_nb.client import Client, Endpoint

_Command = TypeVar("_Command", bound="Callable[..., Any]")


@dataclass
class Settings:
    """What the shared options say.

    Attributes:
        url: The server's prefix; None to find it.
        token: Its token.
        as_json: JSON lines rather than words.
    """

    url: str | None = None
    token: str | None = None
    as_json: bool = False

    @property
    def screen(self) -> Screen:
        """Where the command speaks."""
        return Screen(as_json=self.as_json)

    def endpoint(self) -> "Endpoint":
        """Return the server to use, as the client's discovery finds it.

        Raises:
            NoServer: There is none; says what to do.
            click.UsageError: A URL is no URL of a server.
        """
        from crewai_hitl_nb.client.discovery import require_endpoint

        try:
            return require_endpoint(self.url, self.token)
        except BadRequest as error:
            raise click.UsageError(error.message) from None

    def client(self) -> "Client":
        """Return a client of that server; the caller closes it.

        Raises:
            NoServer: There is none; says what to do.
            click.UsageError: A URL is no URL of a server.
        """
        from crewai_hitl_nb.client import Client

        endpoint = self.endpoint()
        return Client(endpoint.url, endpoint.token)


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    settings = ctx.ensure_object(Settings)
    if value and param.name is not None:
        setattr(settings, param.name, value)


def server_options(command: _Command) -> _Command:
    """Add ``--url`` and ``--token``; a command takes :class:`Settings` by ``click.pass_obj``."""
    url = click.option(
        "--url",
        metavar="URL",
        callback=_keep,
        expose_value=False,
        help="The server's prefix, such as http://127.0.0.1:8888/crewai-hitl/.",
    )
    token = click.option(
        "--token",
        metavar="TOKEN",
        callback=_keep,
        expose_value=False,
        help="Its token. Other users of this machine can read it in the list of processes:"
        " CREWAI_HITL_TOKEN, next to CREWAI_HITL_URL, is safer.",
    )
    return url(token(command))


def json_option(command: _Command) -> _Command:
    """Add ``--json``."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        callback=_keep,
        expose_value=False,
        help="JSON lines on stdout and nothing else there; errors as JSON on stderr.",
    )(command)
