"""The steps of a dialog at a terminal: a line to show, a line to read, a file to attach.

A dialog yields steps and does no I/O; :func:`go_through` takes them. ``dialog.py`` and
``form_dialog.py`` are the dialogs.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.protocol.files import FileReference

T = TypeVar("T")


@dataclass(frozen=True)
class Note:
    """A line to show.

    Attributes:
        text: The line.
        style: Its style, as rich names it.
    """

    text: str
    style: str = ""


@dataclass(frozen=True)
class Ask:
    """A line to read.

    Attributes:
        label: The prompt in front of it.
        blank: Whether a blank line is an answer.
        whole: Whether the text may have several lines.
    """

    label: str
    blank: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Attach:
    """A file to attach.

    Attributes:
        path: Where it is.
    """

    path: Path


class NotAttached(Exception):
    """The file of an :class:`Attach` could not be attached; the message says why."""


Steps: TypeAlias = Generator[Note | Ask | Attach, Any, T]
"""Yields what to do; the caller sends the line after an :class:`Ask`, a reference after an
:class:`Attach` (or throws :class:`NotAttached`), anything after a note."""


def go_through(
    dialog: Steps[T],
    read: Callable[[Ask], str],
    show: Callable[[Note], None],
    attach: Callable[[Path], FileReference],
) -> T:
    """Take every step of a dialog, and return its result.

    Args:
        dialog: The steps.
        read: Reads the line that a step asks for; what it raises ends the dialog.
        show: Shows a note.
        attach: Keeps a file where the answer can refer to it. After a ``NotAttached``, a
            ``HitlError`` or an ``OSError`` the dialog says why it could not, and continues.
    """
    try:
        step = next(dialog)
        while True:
            if isinstance(step, Ask):
                step = dialog.send(read(step))
            elif isinstance(step, Note):
                show(step)
                step = dialog.send(None)
            else:
                step = _attached(dialog, step.path, attach)
    except StopIteration as end:
        result: T = end.value
        return result


def _attached(
    dialog: Steps[T], path: Path, attach: Callable[[Path], FileReference]
) -> Note | Ask | Attach:
    """Attach a file, and return the next step."""
    try:
        reference = attach(path)
    except NotAttached as refusal:
        return dialog.throw(refusal)
    except HitlError as refusal:
        return dialog.throw(NotAttached(refusal.message))
    except OSError as error:
        return dialog.throw(NotAttached(f"{path}: {error.strerror or error}"))
    return dialog.send(reference)
