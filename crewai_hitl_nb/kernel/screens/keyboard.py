"""Reads lines from this process's terminal, for a reader that may stop waiting.

``input()`` cannot be ended from outside: if the answer arrives from elsewhere, the thread in
``input()`` still consumes the next line. So this module waits in short intervals. The terminal
itself provides line editing, as for ``input()``. ``screens/console.py`` uses it.
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
"""How soon a reader notices that its line is no longer needed."""

_MOST_BYTES: Final = 65_536


class Keyboard(Protocol):
    """Reads lines, in one thread at a time.

    Attributes:
        in_use: Held during a dialog, so that a console that ends and the next one do not take
            each other's lines.
    """

    in_use: threading.Lock

    def line(self, is_over: Callable[[], bool], *, whole: bool = False) -> str | None:
        """Wait for a line and return it without its newline.

        Args:
            is_over: Called in each interval; if true, the line is no longer needed and None is
                returned.
            whole: Whether to include further lines that were pasted with it.

        Raises:
            EOFError: The input has ended, or the person pressed Ctrl-D.
        """
        ...

    def discard(self) -> str:
        """Discard input that was typed and not read yet; return it as far as it is known."""
        ...


def keyboard() -> Keyboard | None:
    """Return a reader of this process's terminal; None if it has no terminal."""
    if sys.stdin is None or sys.stderr is None or sys.stdin.closed:
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return line_keyboard() if sys.platform == "win32" else terminal_keyboard(sys.stdin.fileno())


@functools.cache
def terminal_keyboard(descriptor: int) -> "TerminalKeyboard":
    """Return the only reader of that terminal."""
    return TerminalKeyboard(descriptor)


@functools.cache
def line_keyboard() -> "LineKeyboard":
    """Return the only reader of standard input."""
    return LineKeyboard()


class TerminalKeyboard:
    """A POSIX terminal, read only while a caller waits for a line.

    Args:
        descriptor: The terminal's file descriptor.
    """

    def __init__(self, descriptor: int) -> None:
        self.in_use = threading.Lock()
        self._descriptor = descriptor

    def line(self, is_over: Callable[[], bool], *, whole: bool = False) -> str | None:
        """Wait for a line; see :meth:`Keyboard.line`."""
        typed = b""
        while not typed.endswith(b"\n"):
            is_typed = self._is_readable(TICK_SECONDS)
            if is_over():  # leave the line to the next reader
                return None
            if is_typed:
                typed += self._read()
        with suppress(EOFError):  # the text before the end of input still counts
            while whole and self._is_readable(0):
                typed += self._read()
        return self._text(typed)

    def discard(self) -> str:
        """Discard what was typed, including an unfinished line."""
        import termios

        if not self._is_ours():
            return ""
        with suppress(termios.error, OSError):
            before = termios.tcgetattr(self._descriptor)
            # A terminal returns an unfinished line only outside of line mode.
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
        """Whether this process is in the foreground; reading in the background would stop it."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # the terminal is not this session's, so job control does not apply
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
    """Standard input read by a thread that always waits for lines, for Windows.

    The thread stays after the first question and takes the lines that the program's own
    ``input()`` would have read.
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
                if is_over():  # drop it, as discard() does with such lines
                    return None
                while whole and typed[0] and not self._lines.empty():
                    typed.append(self._lines.get())
                if not typed[0]:
                    self._reader = None
                    raise EOFError
                return "".join(typed).rstrip("\r\n")
        return None

    def discard(self) -> str:
        """Discard complete lines; the system still holds an unfinished one."""
        typed: list[str] = []
        while not self._lines.empty():
            typed.append(self._lines.get())
        return "".join(typed).rstrip("\r\n")

    def _read(self) -> None:
        """Read up to the end of input, which is queued as an empty text."""
        with suppress(ValueError):  # stdin was closed
            for line in iter(sys.stdin.readline, ""):
                self._lines.put(line)
        self._lines.put("")
