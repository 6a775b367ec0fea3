"""The files that ``crewai-hitl answer`` uploads as values of a form."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click
import msgspec

from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.terminal.dialog import Reply

if TYPE_CHECKING:
    from crewai_hitl_nb.client import Client

Attached: TypeAlias = tuple[tuple[str, Path], ...]
"""Fields, and the paths of their files."""


def files_of_fields(ctx: click.Context, param: click.Parameter, given: Sequence[str]) -> Attached:
    """Return the fields and files of a command line, as a click callback.

    Raises:
        click.BadParameter: One of them is not FIELD=PATH, or not a file.
    """
    found = []
    for one in given:
        field, sign, path = one.partition("=")
        if not (field and sign and path):
            raise click.BadParameter(f"{one!r} is not FIELD=PATH, such as receipt=scan.pdf")
        if not Path(path).is_file():
            raise click.BadParameter(f"there is no file {path}")
        found.append((field, Path(path)))
    return tuple(found)


def uploaded(
    client: "Client", request: HumanInputRequired, reply: Reply, attached: Attached
) -> Reply:
    """Upload the files, and return the reply with the references to them in its values.

    Raises:
        HitlError: A file is too large, or the request is closed.
    """
    if not attached:
        return reply
    fields = (request.response.schema or {}).get("properties", {})
    values: dict[str, Any] = dict(reply.values or {})
    for field, path in attached:
        reference = msgspec.to_builtins(client.upload(request.request_id, path))
        if fields.get(field, {}).get("type") == "array":
            values[field] = [*values.get(field, []), reference]
        else:
            values[field] = reference
    return replace(reply, values=values)
