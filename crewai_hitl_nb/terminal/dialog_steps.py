"""The steps of a dialog at a terminal: a line to show, a line to read.

A dialog yields steps and does no I/O; :func:`go_through` takes them. ``dialog.py`` and
``form_dialog.py`` are the dialogs.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

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


Steps: TypeAlias = Generator[Note | Ask, str, T]
"""Yields what to do; the caller sends the line after an :class:`Ask`, anything after a note."""


def go_through(dialog: Steps[T], read: Callable[[Ask], str], show: Callable[[Note], None]) -> T:
    """Take every step of a dialog, and return its result.

    Args:
        dialog: The steps.
        read: Reads the line that a step asks for; what it raises ends the dialog.
        show: Shows a note.
    """
    line = ""
    try:
        step = next(dialog)
        while True:
            if isinstance(step, Ask):
                line = read(step)
            else:
                show(step)
            step = dialog.send(line)
    except StopIteration as end:
        result: T = end.value
        return result
