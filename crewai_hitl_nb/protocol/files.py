"""Files: what an event says about one, and which files an event refers to.

A file belongs to a request. An event holds only a reference to it, in one of two places:

    a question's attachments    {"file-1": {"application/vnd.crewai-hitl.file+json": reference}};
                                the context names it as ``[sales.csv](attachment:file-1)``
    an answer's values          an object with exactly the fields of a reference; so a form's field
                                has one, and a list of files has several

The content is kept beside the log, once for each hash, and is sent by itself (``POST`` and ``GET
requests/{id}/files``). The store keeps an event only if the files it refers to were uploaded for
its request, and everything else about files follows from that.

Pure. A name and a media type are what somebody said: they inform people, and decide nothing.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec

from crewai_hitl_nb.protocol import ids, limits
from crewai_hitl_nb.protocol.errors import FieldError, InvalidAnswer, InvalidEvent
from crewai_hitl_nb.protocol.events import Event, HumanInputCompleted, HumanInputRequired

FILE: Final = "application/vnd.crewai-hitl.file+json"
"""The media type of a reference among a question's attachments."""

ANY_BYTES: Final = "application/octet-stream"
"""The media type of content of which nothing is known."""

_TOKEN: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"  # noqa: S105 - RFC 6838, 4.2
_MEDIA_TYPE: Final = re.compile(f"{_TOKEN}/{_TOKEN}", re.ASCII)
_ACCEPTED: Final = re.compile(rf"\.[^\s,/\\*]{{1,50}}|{_TOKEN}/(?:{_TOKEN}|\*)")
_LINK: Final = re.compile(r"(?<!!)\[[^\]\n]{1,1000}\]\(attachment:([\w-]{1,100})\)", re.ASCII)
_NO_NAME: Final = "file"
_ENDING_CHARS: Final = 20
"""Longest ending that a shortened name keeps."""


class FileReference(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a request, as events refer to it.

    Attributes:
        name: Its name, without a folder.
        media_type: What its sender said it is; informs people only.
        size: Its bytes.
        sha256: The hash of its content, in lower-case hexadecimal digits.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_FILE_NAME_BYTES)]
    media_type: Annotated[str, msgspec.Meta(min_length=3, max_length=255)] = ANY_BYTES
    size: Annotated[int, msgspec.Meta(ge=0, le=limits.MAX_FILE_BYTES)]
    sha256: Annotated[str, msgspec.Meta(min_length=64, max_length=64, pattern=r"^[0-9a-f]{64}$")]

    def __str__(self) -> str:
        """Return its name and size, for people."""
        return f"{self.name} ({size_text(self.size)})"


_ORDER: Final = FileReference.__struct_fields__
_FIELDS: Final = frozenset(_ORDER)


def reference_from_wire(raw: object) -> FileReference:
    """Decode a reference.

    Raises:
        ValueError: It is not a reference; the message says why, for people.
    """
    if isinstance(raw, Mapping) and raw.keys() != _FIELDS:  # what `files_of` would not find
        raise ValueError(f"is not a file of this server: it must have {', '.join(_ORDER)} alone")
    try:
        found = msgspec.convert(raw, FileReference)
    except msgspec.ValidationError as error:
        raise ValueError(f"is not a file of this server: {error}") from None
    if clean_name(found.name) != found.name:
        raise ValueError("names a file with a folder or characters that are not visible")
    if not _MEDIA_TYPE.fullmatch(found.media_type):
        raise ValueError("has no media type such as `text/csv`")
    return found


def files_of(event: Event) -> Iterator[tuple[str, FileReference]]:
    """Yield the files that an event refers to, each with its dotted path in the event."""
    if isinstance(event, HumanInputRequired):
        for name, bundle in event.attachments.items():
            if FILE in bundle and (found := _reference(bundle[FILE])) is not None:
                yield f"attachments.{name}", found
        if event.response.default is not None:
            yield from _within(event.response.default, "response.default")
    elif isinstance(event, HumanInputCompleted) and event.values:
        yield from _within(event.values, "values")


def _within(value: object, where: str) -> Iterator[tuple[str, FileReference]]:
    """Yield the references in a value; decoding has bounded its depth and its size."""
    if isinstance(value, Mapping):
        if value.keys() == _FIELDS and (found := _reference(value)) is not None:
            yield where, found
            return
        for name, part in value.items():
            yield from _within(part, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for at, part in enumerate(value):
            yield from _within(part, f"{where}.{at}")


def _reference(raw: object) -> FileReference | None:
    try:
        return reference_from_wire(raw)
    except ValueError:
        return None


def check_attachments(attachments: Mapping[str, Mapping[str, Any]]) -> None:
    """Check the references among a question's attachments.

    Raises:
        InvalidEvent: One of them is wrong.
    """
    for name, bundle in attachments.items():
        if FILE in bundle:
            try:
                reference_from_wire(bundle[FILE])
            except ValueError as error:
                raise InvalidEvent.at(f"attachments.{name}", str(error)) from None


def not_uploaded(event: Event, where: str) -> InvalidEvent | InvalidAnswer:
    """Return the error for an event that refers to a file which its request does not have."""
    wrong = InvalidAnswer if isinstance(event, HumanInputCompleted) else InvalidEvent
    hours = limits.UNUSED_FILE_SECONDS // 3600
    return wrong.at(
        where, f"was not uploaded for this request, or more than {hours} hours ago; upload it again"
    )


def in_words(value: Any) -> Any:
    """Return a value with each reference in it as a text: ``sales.csv (12 KB)``."""
    if isinstance(value, Mapping):
        if value.keys() == _FIELDS and (found := _reference(value)) is not None:
            return str(found)
        return {name: in_words(part) for name, part in value.items()}
    return [in_words(part) for part in value] if isinstance(value, list | tuple) else value


def context_in_words(request: HumanInputRequired) -> str:
    """Return a question's context with each file's name and size in place of the link to it."""
    files = {where.removeprefix("attachments."): file for where, file in files_of(request)}

    def named(link: re.Match[str]) -> str:
        return str(files[link[1]]) if link[1] in files else link[0]

    return _LINK.sub(named, request.context)


# ---- what people said


def clean_name(said: str) -> str:
    """Return a file's name without folders, invisible characters and what is too long."""
    base = re.split(r"[/\\]", unicodedata.normalize("NFC", said))[-1]
    spaced = "".join(" " if c.isspace() else c for c in base)
    seen = " ".join("".join(c for c in spaced if ids.is_seen(c)).split())
    if not seen.strip(". "):
        return _NO_NAME
    if len(seen.encode()) <= limits.MAX_FILE_NAME_BYTES:
        return seen
    stem, dot, ending = seen.rpartition(".")
    ending = dot + ending if stem and len(ending) <= _ENDING_CHARS else ""
    room = limits.MAX_FILE_NAME_BYTES - len(ending.encode())  # file systems count bytes
    return seen.encode()[:room].decode(errors="ignore").rstrip() + ending


def clean_media_type(said: str) -> str:
    """Return a media type without its parameters; text of another form means unknown content."""
    plain = said.partition(";")[0].strip().lower()
    return plain if _MEDIA_TYPE.fullmatch(plain) else ANY_BYTES


def is_accepted(file: FileReference, accept: Sequence[str]) -> bool:
    """Return whether a file is one of the kinds that a form asks for."""
    return any(_is(file, kind.lower()) for kind in accept)


def _is(file: FileReference, kind: str) -> bool:
    if kind.startswith("."):
        return file.name.lower().endswith(kind)
    media_type = file.media_type.lower()
    return media_type.startswith(kind[:-1]) if kind.endswith("/*") else media_type == kind


def is_kind(said: object) -> bool:
    """Return whether a text names a kind of files, as the ``accept`` of HTML does."""
    return isinstance(said, str) and _ACCEPTED.fullmatch(said) is not None


def file_errors(field: Mapping[str, Any], value: object, where: str) -> Iterator[FieldError]:
    """Check the value of a form's field for a file."""
    try:
        file = reference_from_wire(value)
    except ValueError:
        yield FieldError(where, "must be a file that was uploaded for this request")
        return
    if "accept" in field and not is_accepted(file, field["accept"]):
        yield FieldError(
            where, f"must be one of these kinds of files: {', '.join(field['accept'])}"
        )
    if file.size > field.get("maxBytes", file.size):
        yield FieldError(where, f"can have at most {size_text(field['maxBytes'])}")


_UNITS: Final = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "KB"))


def size_text(size: int) -> str:
    """Return a size for people, rounded down: ``1 byte``, ``12 KB``, ``1.5 MB``.

    The page has the same words (``tests/fixtures/forms.json``), so this counts in whole tenths.
    """
    for unit, name in _UNITS:
        if size >= unit:
            tenths = size * 10 // unit
            exact = tenths < 100 and tenths % 10
            return f"{tenths // 10}{f'.{tenths % 10}' if exact else ''} {name}"
    return f"{size} byte{'' if size == 1 else 's'}"
