"""``hitl.File``: a file that a person attaches to their answer, or that a question shows them.

It is a reference (``protocol/files.py``) with a way to its content: the bytes themselves, or a
download when they are first needed. pydantic reads one from a reference, so it can be a field of
a model. ``questions/`` shows files, ``bridge/`` uploads them, ``ask/`` reads them from answers.
"""

import hashlib
import io
import mimetypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from crewai_hitl_nb.protocol import arguments, limits
from crewai_hitl_nb.protocol.arguments import WrongArgument
from crewai_hitl_nb.protocol.files import (
    ANY_BYTES,
    FileReference,
    clean_media_type,
    clean_name,
    file_errors,
    is_kind,
    reference_from_wire,
    size_text,
)

Download: TypeAlias = Callable[[FileReference], bytes]

_download: ContextVar[Download | None] = ContextVar("download", default=None)
"""Where the content is of the files that pydantic reads now, which knows only references."""


class File:
    """A file of a question or an answer. It cannot be changed.

    Make one with :meth:`from_path` or :meth:`from_bytes`, or get one in an answer: as a field of
    a pydantic model, or with ``schema=hitl.File``. Two files are equal if their names, media
    types and contents are.
    """

    __slots__ = ("_content", "_reference")

    def __init__(self, reference: FileReference, content: "bytes | Callable[[], bytes]") -> None:
        self._reference = reference
        self._content = content

    @classmethod
    def from_path(cls, path: "str | os.PathLike[str]") -> "File":
        """Return a file of this machine, with the content that it has now.

        Raises:
            OSError: It cannot be read.
            ValueError: It is larger than a file may be, or no regular file.
        """
        at = Path(path).expanduser()
        size = at.stat().st_size
        if not at.is_file():
            raise ValueError(f"{at} is not a file")
        _check_size(size)
        return cls.from_bytes(at.name, at.read_bytes())

    @classmethod
    def from_bytes(cls, name: str, content: bytes, media_type: str | None = None) -> "File":
        """Return a file with this content.

        Args:
            name: Its name; a folder in it is dropped.
            content: Its content.
            media_type: What it is, e.g. ``text/csv``; by default what its name says.

        Raises:
            ValueError: It is larger than a file may be.
            WrongArgument: An argument has the wrong type.
        """
        called = clean_name(arguments.text("name", name))
        if not isinstance(content, bytes | bytearray | memoryview):
            raise WrongArgument("content", "bytes", content)
        kept = bytes(content)
        _check_size(len(kept))
        kind = arguments.text_or_none("media_type", media_type)
        kind = clean_media_type(kind or mimetypes.guess_type(called)[0] or ANY_BYTES)
        digest = hashlib.sha256(kept).hexdigest()
        return cls(FileReference(name=called, media_type=kind, size=len(kept), sha256=digest), kept)

    @property
    def name(self) -> str:
        """Its name, without a folder."""
        return self._reference.name

    @property
    def media_type(self) -> str:
        """What its sender said it is, e.g. ``text/csv``; nothing checks that."""
        return self._reference.media_type

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._reference.size

    @property
    def sha256(self) -> str:
        """The hash of its content, in hexadecimal digits."""
        return self._reference.sha256

    @property
    def reference(self) -> FileReference:
        """What events say about it."""
        return self._reference

    def read(self) -> bytes:
        """Return its content; that of an answer is fetched from the server, once.

        Raises:
            HitlError: The server does not have it any more, or cannot be reached.
            ValueError: Only its reference is known, not which question it belongs to.
        """
        if not isinstance(self._content, bytes):
            self._content = self._content()
        return self._content

    def text(self, encoding: str = "utf-8") -> str:
        """Return its content as text. Raises as :meth:`read`, and UnicodeDecodeError."""
        return self.read().decode(encoding)

    def open(self) -> io.BytesIO:
        """Return its content as an open file, for what reads one: ``pd.read_csv(file.open())``.

        Raises as :meth:`read`.
        """
        return io.BytesIO(self.read())

    def save(self, to: "str | os.PathLike[str]") -> Path:
        """Write its content to a file, and return where.

        Args:
            to: A folder, in which it keeps its name and replaces no other file; or the path of
                the file to write.

        Raises:
            FileExistsError: The folder has a file of this name, which somebody else chose.
            OSError: It cannot be written.
        """
        at = Path(to).expanduser()
        if not at.is_dir():
            at.write_bytes(self.read())
            return at
        at /= self.name
        content = self.read()
        with at.open("xb") as target:
            target.write(content)
        return at

    def __str__(self) -> str:
        return str(self._reference)

    def __repr__(self) -> str:
        return f"<File {self}>"

    def __eq__(self, other: object) -> bool:
        return self._reference == other._reference if isinstance(other, File) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._reference)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it with its content, which a server may not have for ever."""
        return File, (self._reference, self.read())

    def __copy__(self) -> "File":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "File":
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _file_of,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda file: msgspec.to_builtins(file.reference), when_used="json"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "object", "format": "file"}


File.__module__ = "crewai_hitl_nb"  # the name that users, and pickles, know it by


class Accept:
    """Which files a field takes: ``Annotated[hitl.File, hitl.Accept(".csv", "text/csv")]``.

    A help to people, not a protection: a name and a media type are what somebody said.

    Args:
        kinds: Endings (``.csv``) or media types (``text/csv``, ``image/*``); any by default.
        max_bytes: The largest file.

    Raises:
        WrongArgument: A kind is neither, or ``max_bytes`` is no number.
    """

    def __init__(self, *kinds: str, max_bytes: int | None = None) -> None:
        for kind in kinds:
            if not is_kind(kind):
                raise WrongArgument("a kind of files", "like '.csv', 'text/csv' or 'image/*'", kind)
        if max_bytes is not None and (type(max_bytes) is not int or max_bytes < 0):
            raise WrongArgument("max_bytes", "a number of bytes", max_bytes)
        self.rules: Final[Mapping[str, Any]] = {
            **({"accept": list(kinds)} if kinds else {}),
            **({"maxBytes": max_bytes} if max_bytes is not None else {}),
        }

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), **self.rules}

    def _checked(self, value: Any) -> Any:
        for file in value if isinstance(value, list | tuple | set) else [value]:
            if isinstance(file, File):
                for error in file_errors(
                    self.rules, msgspec.to_builtins(file.reference), file.name
                ):
                    raise ValueError(f"{error.field} {error.message}")
        return value


Accept.__module__ = "crewai_hitl_nb"


@contextmanager
def downloading(download: Download) -> Iterator[None]:
    """Let files that are read from their references within the block fetch their content so."""
    before = _download.set(download)
    try:
        yield
    finally:
        _download.reset(before)


def _file_of(value: object) -> File:
    """Return the file that a value is, or refers to. pydantic shows the error's message."""
    if isinstance(value, File):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("must be a hitl.File")
    return file_in(reference_from_wire(value))


def file_in(reference: FileReference) -> File:
    """Return the file of a reference."""
    download = _download.get()
    if download is None:
        return File(reference, lambda: _unknown(reference))
    return File(reference, lambda: download(reference))


def _unknown(reference: FileReference) -> bytes:
    raise ValueError(
        f"the content of {reference} is not here, only its reference: fetch it with "
        "Client.download(request_id, sha256)"
    )


def _check_size(size: int) -> None:
    if size > limits.MAX_FILE_BYTES:
        raise ValueError(
            f"the file has {size_text(size)}, more than the limit of "
            f"{size_text(limits.MAX_FILE_BYTES)}; link to a place where it can be read"
        )
