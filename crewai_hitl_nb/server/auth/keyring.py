"""API keys of a standalone server: who may call, what they may do, and what they see.

A file holds the hashes of the keys; only its owner can read it. A key is 256 random bits, so a
plain SHA-256 is enough (a slow hash protects only what can be guessed). The key itself is shown
once, as ``hitl_<id>_<secret>``: the id finds the entry, and the hash of the complete key is
compared in constant time. A change of the file takes effect with the next request, so revoking a
key works at once.

Every process that changes the file holds a lock file beside it from reading to writing, so that
keys added at the same time are all kept and a revoked key does not come back. A change is
complete and on disk, or it was not made.
"""

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

import filelock
import msgspec

from crewai_hitl_nb.store.base import KeyScope
from crewai_hitl_nb.store.file_ownership import ForeignFile, read_own, refuse_foreign

Right: TypeAlias = Literal["read", "publish", "answer"]
ACTIONS: Final[Mapping[str, Right]] = {"read": "read", "write": "publish", "execute": "answer"}
"""The permission of a key that each of the authorizer's actions needs."""

_PREFIX: Final = "hitl"

_LOCK_SECONDS: Final = 30.0
"""How long a change waits for others; each takes some milliseconds."""

_YOUNG_SECONDS: Final = 2.0
"""A file that changed more recently than this is read again at each look: two changes within one
tick of the file system's clock may have the same stamp."""


class KeyFileError(Exception):
    """The keys file cannot be used; one line says why and what to do."""

    for_operator: Final = True


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key, without the key itself.

    Attributes:
        id: Its name for listing and revoking.
        name: Its holder's name, for people; answers carry it.
        hash: SHA-256 of the key, in hex.
        rights: What its holder may do.
        executions: Only these executions (together with ``crews``); None for all.
        crews: Only these crews; None for all.
        created: When it was made.
    """

    id: str
    name: str
    hash: str
    rights: frozenset[Right]
    executions: frozenset[str] | None = None
    crews: frozenset[str] | None = None
    created: datetime

    @property
    def scope(self) -> KeyScope | None:
        """What its holder sees; None for everything."""
        if self.executions is None and self.crews is None:
            return None
        return KeyScope(self.executions or frozenset(), self.crews or frozenset())


class _File(msgspec.Struct):
    keys: list[ApiKey]


class Keyring:
    """The keys of one file, read again whenever it changes."""

    def __init__(self, path: Path) -> None:
        """Read the file; a missing file has no keys yet.

        Raises:
            KeyFileError: It cannot be read, or is not a keys file.
        """
        self._path = path
        self._stamp: tuple[int, ...] | None = None
        self._keys: dict[str, ApiKey] = {}
        self._load()

    def all(self) -> list[ApiKey]:
        """Return every key, oldest first."""
        self._load()
        return list(self._keys.values())

    def get(self, key_id: str) -> ApiKey | None:
        """Return the key with that id, if it is not revoked."""
        self._load()
        return self._keys.get(key_id)

    def find(self, presented: str) -> ApiKey | None:
        """Return the entry of a presented key, or None if the file has no such key."""
        prefix, _, rest = presented.partition("_")
        key_id, _, _ = rest.partition("_")
        key = self.get(key_id) if prefix == _PREFIX else None
        if key is None or not hmac.compare_digest(key.hash, _hash(presented)):
            return None
        return key

    def add(
        self,
        name: str,
        rights: Iterable[Right],
        now: datetime,
        *,
        executions: Iterable[str] | None = None,
        crews: Iterable[str] | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; return its entry and the key itself, which is not stored.

        Raises:
            KeyFileError: The file cannot be written.
        """
        key_id = secrets.token_hex(4)
        presented = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            id=key_id,
            name=name,
            hash=_hash(presented),
            rights=frozenset(rights),
            executions=None if executions is None else frozenset(executions),
            crews=None if crews is None else frozenset(crews),
            created=now,
        )
        with self._changing():
            self._save({**self._keys, key_id: key})
        return key, presented

    def revoke(self, key_id: str) -> bool:
        """Delete a key; return whether there was one.

        Raises:
            KeyFileError: The file cannot be written.
        """
        with self._changing():
            left = {name: key for name, key in self._keys.items() if name != key_id}
            if len(left) == len(self._keys):
                return False
            self._save(left)
        return True

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Read the file as it is now, and lock it against other changes.

        Raises:
            KeyFileError: The lock cannot be acquired.
        """
        path = self._path.resolve()  # one lock, also if links give the file several names
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            refuse_foreign(Path(f"{path}.lock"))
            lock = filelock.FileLock(f"{path}.lock", timeout=_LOCK_SECONDS, mode=0o600)
            lock.acquire()
        except filelock.Timeout:
            raise KeyFileError(
                f"the keys file {path} is being changed by another process; try again"
            ) from None
        except OSError as error:
            raise KeyFileError(f"cannot write the keys file {path}: {error}") from error
        try:
            self._stamp = None
            self._load()
            yield
        finally:
            lock.release()

    def _load(self) -> None:
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size)
            if stamp == self._stamp and time.time() - stat.st_mtime > _YOUNG_SECONDS:
                return
            body = read_own(self._path.resolve(), secret=True) or b""
            keys = msgspec.json.decode(body, type=_File).keys
        except FileNotFoundError:
            self._keys, self._stamp = {}, None
            return
        except ForeignFile as error:
            raise KeyFileError(f"the keys file is not used: {error}") from error
        except (OSError, msgspec.DecodeError) as error:
            raise KeyFileError(
                f"cannot use the keys file {self._path}: {error}; "
                "make one with `crewai-hitl keys add`"
            ) from error
        self._keys, self._stamp = {key.id: key for key in keys}, stamp

    def _save(self, keys: Mapping[str, ApiKey]) -> None:
        path = self._path.resolve()
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(
                    msgspec.json.format(msgspec.json.encode(_File(list(keys.values()))), indent=2)
                )
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise KeyFileError(f"cannot write the keys file {path}: {error}") from error
        _sync_folder(path.parent)
        self._stamp = None
        self._load()


def _sync_folder(folder: Path) -> None:
    """Bring a replaced file's name to disk, on systems that can open a folder."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _hash(presented: str) -> str:
    return hashlib.sha256(presented.encode()).hexdigest()
