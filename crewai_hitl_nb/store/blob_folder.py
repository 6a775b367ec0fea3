"""A folder that holds contents by their hash, each in a file of its own: ``ab/abcdef…``.

A content is written to a temporary file, synced, and only then moved to its place, so a file at its
place is complete. Nobody else may read or write the folder, and a file that is not this user's is
refused (``file_ownership.py``): a folder beside the log may be one that others can write to.

Above: ``sqlite/files.py``, which decides when a content is put in its place or removed, and
``copying`` and ``salvage``. It is used from threads, and knows neither requests nor events.
"""

import contextlib
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crewai_hitl_nb.store.file_ownership import own_folder, read_own

_HASH: Final = re.compile("[0-9a-f]{64}", re.ASCII)
_UNDER_WAY: Final = ".upload-"
_UNDER_WAY_SECONDS: Final = 3600.0
"""An older temporary file is one that a crash left."""


def folder_of(log: Path) -> Path:
    """Return the folder beside a log's file."""
    return Path(f"{log}.files")


class BlobFolder:
    """See the module. The folder is made with its first content."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, content: bytes) -> Path:
        """Write a content to a temporary file and return it; :meth:`place` moves it.

        Raises:
            OSError: It cannot be written.
        """
        own_folder(self.path)
        handle, name = tempfile.mkstemp(prefix=_UNDER_WAY, dir=self.path)
        try:
            with open(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
        except BaseException:
            os.unlink(name)
            raise
        return Path(name)

    def place(self, written: Path, sha256: str) -> None:
        """Move a written content to its place; one that is there is replaced by the same bytes.

        Raises:
            OSError: It cannot be moved.
        """
        folder = self._file(sha256).parent
        is_new = own_folder(folder)
        os.replace(written, self._file(sha256))
        _sync(folder)
        if is_new:
            _sync(self.path)

    def read(self, sha256: str) -> bytes | None:
        """Return a content; None if it is missing or has another hash.

        Raises:
            OSError: It cannot be read, or may not be used.
        """
        content = read_own(self._file(sha256), secret=True)
        return content if content is not None and hash_of(content) == sha256 else None

    def remove(self, sha256: str) -> None:
        """Remove a content, if it is there.

        Raises:
            OSError: It cannot be removed.
        """
        self._file(sha256).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds others
            self._file(sha256).parent.rmdir()

    def hashes(self) -> Iterator[str]:
        """Yield the hashes of all contents in place."""
        for folder in self._entries(self.path):
            if folder.is_dir(follow_symlinks=False):
                for file in self._entries(Path(folder.path)):
                    if _HASH.fullmatch(file.name) and file.name.startswith(folder.name):
                        yield file.name

    def remove_leftovers(self) -> None:
        """Remove temporary files that a crash left."""
        before = time.time() - _UNDER_WAY_SECONDS
        for entry in self._entries(self.path):
            if entry.name.startswith(_UNDER_WAY):
                with contextlib.suppress(FileNotFoundError):  # it was moved to its place meanwhile
                    if entry.stat(follow_symlinks=False).st_mtime < before:
                        Path(entry.path).unlink()

    @staticmethod
    def _entries(path: Path) -> list["os.DirEntry[str]"]:
        try:
            with os.scandir(path) as found:
                return list(found)
        except FileNotFoundError:
            return []

    def _file(self, sha256: str) -> Path:
        if not _HASH.fullmatch(sha256):
            raise ValueError("a content is named by its hash")
        return self.path / sha256[:2] / sha256


def hash_of(content: bytes) -> str:
    """Return the SHA-256 of a content in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a power failure; Windows cannot, and does it by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
