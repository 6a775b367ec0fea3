"""Keeps crewAI's console from treating the end of input as approval on an event loop.

Without a server, crewAI's own console asks. On a thread it uses ``input()``, which raises at the
end of input. On an event loop (``akickoff()``), the end of input reads as a blank line, and a
blank line accepts: a closed pipe or Ctrl-D would approve. So while the bridge is enabled, that one
function is replaced. ``session.py`` installs it; it uses only crewAI.
"""

import asyncio
import io
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

from crewai.core.providers import human_input

_NAME: Final = "_async_readline"


class EndOfInputPatch:
    """Replaces how crewAI reads a line on an event loop, from construction to :meth:`remove`."""

    def __init__(self) -> None:
        self._original: Callable[[], Awaitable[str]] = getattr(human_input, _NAME)
        self._ours: Any = self._read
        self._turns: WeakKeyDictionary[Any, asyncio.Lock] = WeakKeyDictionary()  # by loop
        setattr(human_input, _NAME, self._ours)

    def remove(self) -> None:
        """Put crewAI's own function back."""
        if getattr(human_input, _NAME) is self._ours:
            setattr(human_input, _NAME, self._original)

    async def _read(self) -> str:
        """Return the next line.

        Raises:
            EOFError: The input has ended.
        """
        if sys.stdin is None or sys.stdin.closed:
            raise EOFError("stdin is closed, so nobody can answer")
        turn = self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        try:
            async with turn:
                return await _line_of(sys.stdin.fileno())
        except (NotImplementedError, io.UnsupportedOperation):
            # On Windows, or if stdin is not a file, crewAI falls back to input().
            return await self._original()


async def _line_of(descriptor: int) -> str:
    """Read one line and not a byte more: the rest belongs to the next reader.

    Raises:
        EOFError: The input ended before any line.
        NotImplementedError: This loop cannot wait for a descriptor.
    """
    line = b""
    while not line.endswith(b"\n"):
        await _readable(descriptor)
        byte = os.read(descriptor, 1)
        if not byte and not line:
            raise EOFError("the console's input has ended, and nobody answered")
        if not byte:  # `input()` also accepts a last line without a newline
            break
        line += byte
    return line.decode(sys.stdin.encoding or "utf-8", "replace").rstrip("\r\n")


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:  # a regular file is always readable
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
