"""The options that all commands share: ``--url``, ``--token`` and ``--json``.

They may come before or after the command (``crewai-hitl --json pending`` is the same as
``crewai-hitl pending --json``); the later one wins. The commands use it to get a client and a
screen.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from crewai_hitl_nb.cli.output import Screen
from crewai_hitl_nb.protocol.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from crewai_hitl_nb.client import Client, Endpoint

STORE_VARIABLE: Final = "CREWAI_HITL_STORE"
"""The URL of the log: with a password it does not belong on a command line."""

_Command = TypeVar("_Command", bound="Callable[..., Any]")


@dataclass
class Settings:
    """The values of the shared options.

    Attributes:
        url: The server's URL prefix; None to find a server.
        token: The server's token.
        as_json: Whether to write JSON lines instead of text.
    """

    url: str | None = None
    token: str | None = None
    as_json: bool = False

    @property
    def screen(self) -> Screen:
        """The screen that the command writes to."""
        return Screen(as_json=self.as_json)

    def endpoint(self) -> "Endpoint":
        """Return the server to use, as the client's discovery finds it.

        Raises:
            NoServer: No server was found; the message says what to do.
            click.UsageError: The URL cannot be the URL of a server.
        """
        from crewai_hitl_nb.client.discovery import require_endpoint

        try:
            return require_endpoint(self.url, self.token)
        except BadRequest as error:
            raise click.UsageError(error.message) from None

    def client(self) -> "Client":
        """Return a client of that server; the caller closes it.

        Raises:
            NoServer: No server was found; the message says what to do.
            click.UsageError: The URL cannot be the URL of a server.
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
        help="The server's URL prefix, such as http://127.0.0.1:8888/crewai-hitl/.",
    )
    token = click.option(
        "--token",
        metavar="TOKEN",
        callback=_keep,
        expose_value=False,
        help="The server's token. Other users of this machine can see it in the process list, so"
        " it is safer to set CREWAI_HITL_URL and CREWAI_HITL_TOKEN.",
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
        help="Write only JSON lines to stdout, and errors as JSON to stderr.",
    )(command)
