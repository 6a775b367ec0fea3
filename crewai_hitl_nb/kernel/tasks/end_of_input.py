"""crewAI's console on a loop, to which the end of input is no answer.

Where there is no server crewAI's own console asks. On a thread it reads by ``input()``, which
raises at the end of input. On a loop (``akickoff()``) the end of input reads as a blank line,
and a blank line accepts: a closed pipe or Ctrl-D would approve. So while enabled that one
function is replaced. Above it is ``session.py``; below is crewAI alone. It asks nothing.
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
    """Replaces crewAI's reading of a line on a loop, from construction to :meth:`remove`."""

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
            EOFError: There is no more input.
        """
        if sys.stdin is None or sys.stdin.closed:
            raise EOFError("stdin is closed, so nobody can answer")
        turn = self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        try:
            async with turn:
                return await _line_of(sys.stdin.fileno())
        except (NotImplementedError, io.UnsupportedOperation):
            # Windows, or a stdin that is no file: there crewAI falls back to input()
            return await self._original()


async def _line_of(descriptor: int) -> str:
    """Read one line and not a byte more: the rest is for whoever reads next.

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
        if not byte:  # as `input()` takes a last line that has no end
            break
        line += byte
    return line.decode(sys.stdin.encoding or "utf-8", "replace").rstrip("\r\n")


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:  # a file, which is always readable
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
