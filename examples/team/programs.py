"""Finds, starts and ends the programs that the demo needs beside Python; gets ports for them."""

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any


class DemoError(Exception):
    """The demo cannot continue; the message is one line that says why and what to do."""


def find(name: str, package: str, folders: Iterable[Path | str]) -> Path:
    """Return the path of a program.

    Args:
        name: The program.
        package: Debian's package that has it.
        folders: Where to look before the folders in ``PATH``.

    Raises:
        DemoError: It is not installed.
    """
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        raise DemoError(f"{name} is not installed; on Debian: apt-get install {package}")
    return Path(found)


def bound(preferred: int = 0) -> socket.socket:
    """Return a socket that has a port of this machine: the preferred one, if it is free.

    A program that inherits it listens there. Nobody can take the port before it does.
    """
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", preferred))
    except OSError:
        made.bind(("127.0.0.1", 0))
    return made


@contextmanager
def running(command: Iterable[Path | str], **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """Run a program in a session of its own; end it with SIGTERM.

    Args:
        command: The program and its arguments.
        options: Further arguments of ``subprocess.Popen``.
    """
    with ExitStack() as stack:
        with interrupts_held():
            process = subprocess.Popen(list(command), start_new_session=True, **options)
            stack.callback(end, process)
        yield process


def end(process: "subprocess.Popen[Any]") -> None:
    """End a program with SIGTERM, and wait until it has ended."""
    process.terminate()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the end of the ``with`` block, and handle them then.

    A program that starts when Ctrl-C arrives would otherwise be left behind: nobody has its
    process id yet. Python handles signals in the main thread, so other threads need no holding.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    handlers = {
        one: signal.signal(one, lambda number, frame: held.append(number))
        for one in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
        for number in held:
            signal.raise_signal(number)
