"""Processes to be killed: begun in milliseconds, and dead at a chosen line of our code.

A fork server (:mod:`multiprocessing`) has the heavy modules loaded once; each victim is a
fork of it, so a real Jupyter server is up in a fifth of a second. What a victim says comes
over a pipe that the kernel of the operating system keeps: what was said before the blow is
heard after it.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import FrameType
from typing import Any

import crewai_hitl_nb

_PRELOADED = [
    "crewai_hitl_nb.kernel.bridge.bridge",
    "crewai_hitl_nb.server.extension",
    "jupyter_server.serverapp",
    "jupyter_server.services.contents.handlers",
    "jupyter_server.services.kernels.handlers",
]
_PACKAGE = str(Path(crewai_hitl_nb.__file__).parent)

Say = Callable[[object], None]


@cache
def _context() -> ForkServerContext:
    context = get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


class Victim:
    """One process.

    Args:
        target: A function of some module; called in the process with ``say`` and ``args``.
        args: What pickle can carry.
        doomed_at: The process kills itself at the so-many-th line of ours that it runs.
        log: File for what it writes to its standard outputs.
    """

    def __init__(
        self,
        target: Callable[..., None],
        *args: object,
        doomed_at: int | None = None,
        log: Path | None = None,
    ) -> None:
        self._ear, mouth = _context().Pipe(duplex=False)
        process_args = (mouth, target, args, doomed_at, log)
        self._process = _context().Process(target=_live, args=process_args, daemon=True)
        self._process.start()
        mouth.close()  # its end of the pipe is now the only one: when it dies we hear the end

    def heard(self) -> Iterator[Any]:
        """Yield what it says until it is dead."""
        try:
            while True:
                yield self._ear.recv()
        except (EOFError, OSError):  # the second when it died in the middle of a word
            return

    def await_death(self, seconds: float | None) -> None:
        """Wait until it is dead, or so long at most."""
        self._process.join(seconds)

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.is_alive()

    def kill(self) -> None:
        """End it as a power cut would, and see it dead."""
        self._process.kill()
        self._process.join()

    def join(self) -> int | None:
        """Wait for its end and return its exit code (minus the signal's number)."""
        self._process.join()
        return self._process.exitcode


def _live(
    mouth: Connection,
    target: Callable[..., None],
    args: tuple[object, ...],
    doomed_at: int | None,
    log: Path | None,
) -> None:
    if log is not None:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
    if doomed_at is not None:
        _doom(doomed_at)
    target(mouth.send, *args)


def _doom(lines: int) -> None:
    """Kill this process at the so-many-th line of the package, in whichever thread."""
    left = lines

    def line(frame: FrameType, event: str, arg: object) -> Callable[..., Any]:
        nonlocal left
        if event == "line":
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        return line if frame.f_code.co_filename.startswith(_PACKAGE) else None

    threading.settrace(call)
    sys.settrace(call)
