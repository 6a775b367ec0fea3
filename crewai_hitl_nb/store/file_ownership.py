"""Whether a file that was found may be used: it must be this user's, and no other's to write.

A folder may be shared (``/tmp``, a project's folder, a home on a file server), and whoever puts a
file there first under a name of ours would choose our key, our log, our rights. So a file that
exists is looked at through its open descriptor, which no later swap changes, and one that is
another user's, a link or no plain file is refused with what to do. Root counts as this user: it can
do everything anyway.

On Windows nothing is looked at: there the folder's access list says who may write, and Python's
mode says nothing of it.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OTHERS_WRITE: Final = stat.S_IWOTH
_NOT_MINE: Final = stat.S_IWGRP | stat.S_IWOTH
_NOT_MINE_TO_SEE: Final = stat.S_IRWXG | stat.S_IRWXO
NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
"""For ``os.open``: do not follow a link; nothing on Windows."""
_LOOKS: Final = hasattr(os, "geteuid")


class ForeignFile(OSError):
    """A file that was found may not be used; one line on why and what to do."""

    for_operator = True

    def __init__(self, message: str) -> None:
        super().__init__(message)


def refuse_foreign(path: Path) -> None:
    """Refuse what stands at a path if another user put it there, or may write to it.

    A file that only this user's group may write is closed to it: a volume's ``fsGroup`` opens
    every file on it at each mount.

    Raises:
        ForeignFile: It may not be used.
    """
    if not _LOOKS:
        return
    with contextlib.suppress(FileNotFoundError), _open(path) as handle:
        found = os.fstat(handle)
        _check(path, found, _OTHERS_WRITE)
        if found.st_mode & stat.S_IWGRP and found.st_uid == os.geteuid():
            os.fchmod(handle, stat.S_IMODE(found.st_mode) & ~_NOT_MINE)


def is_mine(path: Path) -> bool:
    """Whether what stands there is this user's (a link itself, not where it leads)."""
    return not _LOOKS or path.lstat().st_uid == os.geteuid()


def read_own(path: Path, *, secret: bool) -> bytes | None:
    """Return what is in a file of this user's; None where there is none.

    Args:
        path: The file; a link is refused.
        secret: Whether nobody else may read it either.

    Raises:
        ForeignFile: It may not be used.
    """
    if not _LOOKS:
        return path.read_bytes() if path.exists() else None
    try:
        with _open(path) as handle:
            _check(path, os.fstat(handle), _NOT_MINE_TO_SEE if secret else _NOT_MINE)
            with open(handle, "rb", closefd=False) as file:
                return file.read()
    except FileNotFoundError:
        return None


def _check(path: Path, found: os.stat_result, forbidden: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ForeignFile(f"{path} is no plain file; remove it, or name another one")
    if found.st_uid not in (os.geteuid(), 0):
        raise ForeignFile(
            f"{path} belongs to another user (uid {found.st_uid}); remove it, name another file,"
            f" or make it yours: `chown {os.geteuid()} {path}` if you trust what is in it"
        )
    if found.st_mode & forbidden:
        rest = stat.S_IMODE(found.st_mode) & ~forbidden
        raise ForeignFile(
            f"{path} is open to other users (mode {stat.S_IMODE(found.st_mode):04o});"
            f" `chmod {rest:04o} {path}` if you trust what is in it"
        )


@contextlib.contextmanager
def _open(path: Path) -> Iterator[int]:
    """Open for reading without following a link, or waiting at a pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise ForeignFile(f"{path} is a link; name the file that it leads to") from None
        if error.errno == errno.ENXIO:
            raise ForeignFile(f"{path} is no plain file; remove it, or name another") from None
        raise
    try:
        yield handle
    finally:
        os.close(handle)
