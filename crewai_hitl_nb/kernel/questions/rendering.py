"""Renders any object for the context of a question: Markdown, and attachments where it needs them.

Pure. Everything is bounded, with a note where it is cut, and nothing fails: what cannot be shown is
replaced by a text that says why. A data frame becomes a table in Markdown and, as an attachment, a
table that can be sorted and searched (``tables.py``); a figure or another image becomes an
attachment (``images.py``), and so does what a notebook shows (``outputs.py``). A file's attachment
is a reference; the bridge uploads the file itself. ``ask()``, flows and gates use this module;
it uses ``context.py`` and ``protocol/json_safe.py``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic import BaseModel

from crewai_hitl_nb.kernel.files import File
from crewai_hitl_nb.kernel.questions.context import cut, fenced, in_brackets, literal
from crewai_hitl_nb.kernel.questions.images import (
    DATA_URI,
    Image,
    LeftOut,
    image_in,
    image_of,
    image_of_file,
    is_image,
    title_of,
)
from crewai_hitl_nb.kernel.questions.left_out import link_to, not_attached
from crewai_hitl_nb.kernel.questions.outputs import (
    Output,
    captured_in,
    is_captured,
    is_output,
    name_of,
    output_of,
)
from crewai_hitl_nb.kernel.questions.tables import Table, is_cut, is_frame, is_records, table_of
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import DATA_RESOURCE, Attachments
from crewai_hitl_nb.protocol.files import FILE
from crewai_hitl_nb.protocol.json_safe import portable, text_of

_MOST_PARTS: Final = 50
"""Parts of one context that are shown each in its own form."""

_TITLE_CHARS: Final = 200

_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
"""Colours of a terminal in what a cell printed."""


@dataclass(frozen=True)
class Rendered:
    """A context in the form in which a question carries it.

    Attributes:
        text: Markdown. It names an attachment by a link to ``attachment:NAME``, at the place where
            readers that can show it do so.
        attachments: The attachments by name.
        files: The files that some of these refer to, by the same names.
    """

    text: str
    attachments: Attachments = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)


NOTHING: Final = Rendered("")
"""No context."""


def rendered(thing: Any) -> Rendered:
    """Return an object as the context of a question; never fails.

    Data frames and lists of flat dicts become tables, and figures, files and other outputs of a
    notebook are attached, also as values of a mapping or items of a list, whose other parts are
    then shown each in its own form. Everything else is shown as :func:`as_markdown` does.
    """
    return _Renderer().render(thing)


def as_markdown(thing: Any) -> str:
    """Return a text unchanged, a data frame as a table, other structured values as JSON."""
    if thing is None or isinstance(thing, str):
        return thing or ""
    if (rows := _rows(thing)) is not None:
        return "\n".join(rows)
    if isinstance(thing, BaseModel | Mapping | list | tuple | set | frozenset):
        return _json(thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        return _json(thing)
    return text_of(thing)


def as_json(thing: Any) -> str:
    """Return values as complete JSON for people; a value that is not JSON becomes its text."""
    return json.dumps(portable(thing, special=_rows), indent=2, ensure_ascii=False)


class _Renderer:
    """Renders one context, whose attachments share one limit."""

    def __init__(self) -> None:
        self._attachments: Attachments = {}
        self._files: dict[str, File] = {}
        self._room = limits.MAX_ATTACHMENTS_BYTES

    def render(self, thing: Any) -> Rendered:
        """Return the context."""
        parts = _parts_of(thing)
        text = self._part(thing) if parts is None else self._sections(parts)
        return Rendered(text, self._attachments, self._files)

    def _sections(self, parts: list[tuple[str, Any]]) -> str:
        sections = [
            f"**{title}**\n\n{self._part(part)}" if title else self._part(part)
            for title, part in parts[:_MOST_PARTS]
        ]
        if len(parts) > _MOST_PARTS:
            sections.append(f"… ({len(parts):,} parts in all; the first {_MOST_PARTS} are shown)")
        return "\n\n".join(sections)

    def _part(self, thing: Any) -> str:
        if isinstance(thing, str):
            return DATA_URI.sub(self._inline, thing)
        if _is_plain(thing) and not is_records(thing):
            return as_markdown(thing)
        try:
            return self._rich(thing) or as_markdown(thing)
        except LeftOut as reason:
            return _left_out(literal(type(thing).__name__), reason)
        except Exception as error:  # noqa: BLE001 - foreign code must not end the question
            return _not_shown(thing, error)

    def _rich(self, thing: Any) -> str:
        """Return the text for a table, a file, an image or an output; "" for anything else."""
        if (table := table_of(thing)) is not None:
            return self._table(table)
        if isinstance(thing, File) or (isinstance(thing, Path) and not _is_folder(thing)):
            return self._chosen(thing)
        if is_captured(thing):
            return self._sections(captured_in(thing))
        if isinstance(thing, Output):
            return self._output(thing, "output")
        if is_image(thing) and (shown := self._figure(thing)):
            return shown
        return self._output(output_of(thing), name_of(thing)) if is_output(thing) else ""

    def _figure(self, thing: Any) -> str:
        """Return the text for an object's image; where that fails, for its HTML and the reason."""
        try:
            image = image_of(thing)
        except Exception as reason:
            file = _html_of(thing)
            if file is None:
                raise
            return f"{_left_out(title_of(thing), reason)}\n\n{self._file(file)}"
        return "" if image is None else self._image(image, title_of(thing))

    def _chosen(self, thing: File | Path) -> str:
        """Return the text for a file that the caller chose; an image among them is shown, too."""
        try:
            file = thing if isinstance(thing, File) else File.from_path(thing)
            image = image_of_file(file.media_type, file.read())
        except Exception as error:  # noqa: BLE001 - a file that is missing must not end the question
            name = thing.name if isinstance(thing, File) else str(thing)
            return not_attached(name, error)
        attached = self._file(file)
        if image is None or len(image.data) > self._room:
            return attached
        return f"{self._image(image, in_brackets(file.name))}\n\n{attached}"

    def _output(self, output: Output, name: str) -> str:
        if output.markdown:
            return DATA_URI.sub(self._inline, output.markdown)
        file = output.file(name)
        text = _ANSI.sub("", output.text).rstrip()
        shown = fenced(text, "", limits.MAX_CONTEXT_CHARS // 4) if text else ""
        return "\n\n".join(part for part in (shown, self._file(file) if file else "") if part)

    def _file(self, file: File) -> str:
        if len(self._files) == limits.MAX_FILES_PER_REQUEST:
            return not_attached(file.name, f"a question has at most {len(self._files)} files")
        name = f"file-{len(self._attachments) + 1}"
        self._attach(name, FILE, msgspec.to_builtins(file.reference))
        self._files[name] = file
        return link_to(file, name)

    def _inline(self, match: re.Match[str]) -> str:
        """Replace an image in a text, which would use up the context, by an attachment."""
        alt, kind, encoded = match.groups()
        alt = alt.rstrip("\\")  # it would hide the bracket after it
        try:
            return self._image(image_in(kind, encoded), alt)
        except LeftOut as reason:
            return _left_out(alt, reason)
        except Exception as error:  # noqa: BLE001 - damaged data must not end the question
            return _left_out(alt, error)

    def _image(self, image: Image, alt: str) -> str:
        if len(image.data) > self._room:
            raise LeftOut("the attachments of a question are limited to 512 KB together")
        name = f"image-{len(self._attachments) + 1}"
        self._attach(name, image.kind, image.data)
        return f"![{alt}](attachment:{name})"

    def _table(self, table: Table) -> str:
        name = f"table-{len(self._attachments) + 1}"
        resource = table.resource(name, min(self._room, limits.MAX_TABLE_BYTES))
        if resource is None:
            return "\n".join(_preview(table))
        self._attach(name, DATA_RESOURCE, resource)
        lines, extent = table.preview()
        return "\n".join([*lines, "", f"[Table: {extent}](attachment:{name})"])

    def _attach(self, name: str, kind: str, data: Any) -> None:
        self._attachments[name] = {kind: data}
        self._room -= len(json.dumps(data, ensure_ascii=False).encode())


def _parts_of(thing: Any) -> list[tuple[str, Any]] | None:
    """Return the titles and values of a collection with a data frame or image in it, or None."""
    if isinstance(thing, Mapping):
        parts = [(_title(key), value) for key, value in thing.items()]
    elif isinstance(thing, list | tuple):
        parts = [("", value) for value in thing]
    else:
        return None
    return parts if any(_is_rich(value) for _, value in parts[:_MOST_PARTS]) else None


def _is_rich(value: Any) -> bool:
    if isinstance(value, str):
        return DATA_URI.search(value) is not None
    if is_records(value) or isinstance(value, File):
        return True
    if isinstance(value, Path):
        return _is_file(value)  # any other path is a value like others
    return not _is_plain(value) and (is_image(value) or is_frame(value) or is_output(value))


def _is_file(path: Path) -> bool:
    try:
        return path.expanduser().is_file()
    except (OSError, RuntimeError):  # RuntimeError: there is no such user
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.expanduser().is_dir()
    except (OSError, RuntimeError):
        return False


def _html_of(thing: Any) -> File | None:
    """Return what an object shows without its image, as a file."""
    try:
        return output_of(thing).file(name_of(thing))
    except Exception:  # noqa: BLE001 - the reason why it has no image says more
        return None


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | Mapping | list | tuple)


def _title(key: Any) -> str:
    return literal(cut(" ".join(text_of(key).split()), _TITLE_CHARS))


def _left_out(alt: str, reason: Exception) -> str:
    return f"({alt or 'An image'} is left out: {literal(cut(text_of(reason), 500))}.)"


def _not_shown(thing: Any, error: Exception) -> str:
    reason = f"{type(error).__name__}: {text_of(error)}"
    return fenced(
        f"This {type(thing).__name__} cannot be shown ({cut(reason, 500)}).\n\n{text_of(thing)}",
        "",
        limits.MAX_CONTEXT_CHARS // 4,
    )


def _json(thing: Any) -> str:
    # Half of the limit, so that a long list leaves room for the rest of the context.
    return fenced(as_json(thing), "json", limits.MAX_CONTEXT_CHARS // 2)


def _rows(thing: Any) -> list[str] | None:
    """Return the lines of a table; None if it is not a table, or fails when it is read."""
    try:
        table = table_of(thing)
    except Exception:  # noqa: BLE001 - an error in foreign code must not end the question
        return None
    return None if table is None else _preview(table)


def _preview(table: Table) -> list[str]:
    lines, _ = table.preview()
    if not is_cut(table):
        return lines
    return [*lines, "", f"… (cut here: {table.rows:,} rows and {table.width:,} columns in all)"]
