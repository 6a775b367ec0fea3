"""The content that a client sends as a request's file, and the check of what it receives.

Above is :class:`~crewai_hitl_nb.client.async_client.AsyncClient`. It reads files of this machine,
and makes no calls.
"""

import base64
import hashlib
import mimetypes
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import msgspec

from crewai_hitl_nb.protocol import arguments, limits
from crewai_hitl_nb.protocol.errors import BadRequest, TooLarge, Unavailable
from crewai_hitl_nb.protocol.files import ANY_BYTES, clean_media_type, clean_name, size_text

Content: TypeAlias = bytes | PathLike[str]
"""The bytes of a file, or its path on this machine."""


class Outgoing(msgspec.Struct, frozen=True):
    """A file that is about to be uploaded."""

    name: str
    media_type: str
    content: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers of its upload; with its digest, a proxy cannot change it unnoticed."""
        digest = base64.b64encode(hashlib.sha256(self.content).digest()).decode()
        return {"Content-Type": self.media_type, "Content-Digest": f"sha-256=:{digest}:"}


def outgoing(content: object, name: str | None, media_type: str | None) -> Outgoing:
    """Read a file, and name it.

    Args:
        content: Its bytes, or its path.
        name: Its name; that of the path by default.
        media_type: What it is; by default as its name says.

    Raises:
        BadRequest: It cannot be read.
        TooLarge: It has too many bytes.
        WrongArgument: It is neither bytes nor a path.
    """
    if isinstance(content, bytes | bytearray | memoryview):
        found, own_name = bytes(content), "file"
        _check_size(len(found), own_name)
    elif isinstance(content, PathLike):
        found, own_name = _read(Path(content)), Path(content).name
    else:
        raise arguments.WrongArgument("content", "bytes or a pathlib.Path", content)
    named = clean_name(arguments.text_or_none("name", name) or own_name)
    said = arguments.text_or_none("media_type", media_type) or mimetypes.guess_type(named)[0]
    return Outgoing(named, clean_media_type(said or ANY_BYTES), found)


def _read(path: Path) -> bytes:
    try:
        _check_size(path.stat().st_size, str(path))
        with path.open("rb") as file:
            found = file.read(limits.MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror or error}") from error
    _check_size(len(found), str(path))
    return found


def _check_size(size: int, name: str) -> None:
    if size > limits.MAX_FILE_BYTES:
        most = limits.MAX_FILE_BYTES
        raise TooLarge(
            f"{name} has {size_text(size)}; a file can have at most {size_text(most)}", limit=most
        )


def checked(content: bytes, sha256: str) -> bytes:
    """Return a content that was received, if it has the hash that was asked for.

    Raises:
        Unavailable: It has another one.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Unavailable(
            "the file arrived with another content than the server stored; download it again"
        )
    return content
