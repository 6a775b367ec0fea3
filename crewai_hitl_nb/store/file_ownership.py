"""Refuses to use an existing file unless it belongs to this user and no other user may write to it.

A folder may be shared (``/tmp``, a project's folder, a home on a file server), and another user who
puts a file there first, under a name that we use, would choose our key, our log or our permissions.
So an existing file is checked through its open descriptor, which a later swap does not change. One
that belongs to another user, is a link or is not a plain file is refused, with what to do. Root
counts as this user: it can do everything anyway.

On Windows nothing is checked: there the folder's access list decides who may write, and Python's
file mode does not show it.
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
    """An existing file may not be used; one line says why and what to do."""

    for_operator = True

    def __init__(self, message: str) -> None:
        super().__init__(message)


def refuse_foreign(path: Path) -> None:
    """Refuse the file at a path if another user owns it or may write to it.

    If it is this user's and only the group may write as well, that permission is removed: a
    volume's ``fsGroup`` adds it to every file at each mount.

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


def own_folder(path: Path) -> bool:
    """Make a folder that only this user may enter, or refuse one that is there and may not be used.

    Returns:
        Whether it is new.

    Raises:
        ForeignFile: It is a link, or no folder, or another user owns it or may enter it.
        OSError: It cannot be made.
    """
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not _LOOKS:
            return False
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise ForeignFile(f"{path} is not a folder; remove it") from None
        if found.st_uid not in (os.geteuid(), 0):
            raise ForeignFile(
                f"{path} belongs to another user (uid {found.st_uid}); remove it, or make it yours"
            ) from None
        if found.st_mode & _NOT_MINE_TO_SEE:
            os.chmod(path, 0o700)  # a volume's `fsGroup`, or a backup that was restored
        return False
    return True


def is_mine(path: Path) -> bool:
    """Whether the file is this user's (of a link, the link itself and not its target)."""
    return not _LOOKS or path.lstat().st_uid == os.geteuid()


def read_own(path: Path, *, secret: bool) -> bytes | None:
    """Return the content of a file of this user's; None if there is no file.

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
        raise ForeignFile(f"{path} is not a plain file; remove it, or name another one")
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
            raise ForeignFile(f"{path} is not a plain file; remove it, or name another") from None
        raise
    try:
        yield handle
    finally:
        os.close(handle)
