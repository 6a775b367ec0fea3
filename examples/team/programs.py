"""Finds the programs that the demo needs beside Python, and free ports for them."""

import os
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path


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


def free_port(preferred: int = 0) -> int:
    """Return a free port of this machine: the preferred one, if it is free."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            return free_port()
        port: int = probe.getsockname()[1]
        return port
