"""The files that ``crewai-hitl export --files`` writes: one for each content, named by its hash."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from crewai_hitl_nb.protocol.errors import NotFound, UnknownRequest
from crewai_hitl_nb.protocol.events import ClosingEvent, HumanInputRequired
from crewai_hitl_nb.protocol.files import files_of

if TYPE_CHECKING:
    from crewai_hitl_nb.client import Client

Closed: TypeAlias = tuple[HumanInputRequired, ClosingEvent]


def write(client: "Client", closed: Iterable[Closed], folder: Path) -> list[str]:
    """Download the files of questions and answers that a folder does not have yet.

    Each appears in the folder when all of it is there, so the same call again continues.

    Args:
        client: Reads them.
        closed: Questions that have ended, each with the event that closed it.
        folder: Made if it is missing.

    Returns:
        The hashes of those that the server has lost.

    Raises:
        click.ClickException: The folder cannot be written.
        HitlError: The server cannot be read.
    """
    owners = {
        file.sha256: asked.request_id
        for asked, closing in closed
        for event in (asked, closing)
        for _, file in files_of(event)
    }
    lost = []
    try:
        folder.mkdir(exist_ok=True)
        for sha256, request_id in sorted(owners.items()):
            if not _is_there(folder / sha256, sha256):
                try:
                    content = client.download(request_id, sha256)
                except (NotFound, UnknownRequest):
                    lost.append(sha256)
                else:
                    with click.open_file(str(folder / sha256), "wb", atomic=True) as file:
                        file.write(content)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written: {error.strerror}") from error
    return lost


def _is_there(file: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    except FileNotFoundError:
        return False
