"""Lines that a person types at this process's terminal, for a reader that may give up.

``input()`` cannot be ended from outside: whoever waits in it for an answer that came from
elsewhere swallows the next line. So a line is waited for in ticks. The terminal itself
edits the line, as it does for ``input()``. Above it is ``screens/console.py``; it knows no
questions.
"""

import functools
import os
import queue
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

TICK_SECONDS: Final = 0.25
"""How soon a reader notices that nobody needs its line any more."""

_MOST_BYTES: Final = 65_536


class Keyboard(Protocol):
    """Reads lines, in one thread at a time.

    Attributes:
        in_use: Held by whoever converses: a console that ends and the one that follows it
            would take each other's lines.
    """

    in_use: threading.Lock

    def line(self, is_over: Callable[[], bool], *, whole: bool = False) -> str | None:
        """Wait for a line and return it without its end.

        Args:
            is_over: Asked every tick; when true, nobody needs the line: None is returned.
            whole: Take along what was pasted with the line.

        Raises:
            EOFError: There is no more input, or Ctrl-D.
        """
        ...

    def discard(self) -> str:
        """Throw away what was typed and not read yet; return it, as far as it is known."""
        ...


def keyboard() -> Keyboard | None:
    """Return the terminal that this process reads from; None when there is none."""
    if sys.stdin is None or sys.stderr is None or sys.stdin.closed:
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return line_keyboard() if sys.platform == "win32" else terminal_keyboard(sys.stdin.fileno())


@functools.cache
def terminal_keyboard(descriptor: int) -> "TerminalKeyboard":
    """Return the one reader of that terminal."""
    return TerminalKeyboard(descriptor)


@functools.cache
def line_keyboard() -> "LineKeyboard":
    """Return the one reader of lines."""
    return LineKeyboard()


class TerminalKeyboard:
    """A POSIX terminal, read only while somebody waits for a line.

    Args:
        descriptor: Of the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self.in_use = threading.Lock()
        self._descriptor = descriptor

    def line(self, is_over: Callable[[], bool], *, whole: bool = False) -> str | None:
        """Wait for a line; see :meth:`Keyboard.line`."""
        typed = b""
        while not typed.endswith(b"\n"):
            is_typed = self._is_readable(TICK_SECONDS)
            if is_over():  # then the line is meant for whoever reads next
                return None
            if is_typed:
                typed += self._read()
        with suppress(EOFError):  # what came before it is a line all the same
            while whole and self._is_readable(0):
                typed += self._read()
        return self._text(typed)

    def discard(self) -> str:
        """Throw away what was typed; an unfinished line, too."""
        import termios

        if not self._is_ours():
            return ""
        with suppress(termios.error, OSError):
            before = termios.tcgetattr(self._descriptor)
            # Only outside of line mode does a terminal hand out an unfinished line.
            raw = [*before[:3], before[3] & ~termios.ICANON, *before[4:6], list(before[6])]
            raw[6][termios.VMIN], raw[6][termios.VTIME] = 0, 0
            termios.tcsetattr(self._descriptor, termios.TCSANOW, raw)
            try:
                typed = os.read(self._descriptor, _MOST_BYTES)
            finally:
                termios.tcsetattr(self._descriptor, termios.TCSANOW, before)
            return self._text(typed)
        return ""

    def _is_readable(self, seconds: float) -> bool:
        if not self._is_ours():
            select.select([], [], [], seconds)
            return False
        return bool(select.select([self._descriptor], [], [], seconds)[0])

    def _is_ours(self) -> bool:
        """Whether this process is in the foreground: reading elsewhere would stop it."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # not this session's terminal: there is no job control to mind
            return True

    def _read(self) -> bytes:
        try:
            typed = os.read(self._descriptor, _MOST_BYTES)
        except OSError as error:  # the terminal was closed
            raise EOFError from error
        if not typed:
            raise EOFError
        return typed

    def _text(self, typed: bytes) -> str:
        encoding = getattr(sys.stdin, "encoding", None) or "utf-8"
        return typed.decode(encoding, "replace").rstrip("\r\n")


class LineKeyboard:
    """Any standard input, read by a thread that waits for lines all the time: for Windows.

    Once a question was asked, that thread stays: it takes the lines that the program's own
    ``input()`` would have got.
    """

    def __init__(self) -> None:
        self.in_use = threading.Lock()
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader: threading.Thread | None = None

    def line(self, is_over: Callable[[], bool], *, whole: bool = False) -> str | None:
        """Wait for a line; see :meth:`Keyboard.line`."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, daemon=True, name="crewai-hitl-keys")
            self._reader.start()
        while not is_over():
            with suppress(queue.Empty):
                typed = [self._lines.get(timeout=TICK_SECONDS)]
                if is_over():  # as good as never typed: discard() throws such lines away, too
                    return None
                while whole and typed[0] and not self._lines.empty():
                    typed.append(self._lines.get())
                if not typed[0]:
                    self._reader = None
                    raise EOFError
                return "".join(typed).rstrip("\r\n")
        return None

    def discard(self) -> str:
        """Throw away whole lines; an unfinished one belongs to the system."""
        typed: list[str] = []
        while not self._lines.empty():
            typed.append(self._lines.get())
        return "".join(typed).rstrip("\r\n")

    def _read(self) -> None:
        """Read up to the end of input, which is a blank text."""
        with suppress(ValueError):  # stdin was closed
            for line in iter(sys.stdin.readline, ""):
                self._lines.put(line)
        self._lines.put("")
