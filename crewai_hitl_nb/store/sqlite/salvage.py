"""Salvages a damaged log: writes a new log with the events that can still be read.

The damaged file is only read, page by page (``pages.py``), and not changed. A row is recognized as
an event by its JSON, which contains its offset and its id. The chain tells whether it is the event
that was sealed (``protocol/audit/chain.py``, ``partial_chain.py``): an event that contradicts the
chain is left out, and one that the chain cannot prove is kept and reported. Nothing is guessed.

Guarantees of the new log:

* Every event has its old offset.
* Its epoch is new and it counts as pruned up to the last lost offset, so a reader that
  resumes from before gets a ``gap`` and never a silent hole.
* A request that had ended, but whose end was lost, is cancelled; a lost event never
  becomes an answer, and no question is asked twice.

Above is the command line. The owner of the log must not run at the same time.
"""

import mmap
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from itertools import chain as chain_of
from itertools import count, pairwise
from pathlib import Path
from typing import Final, TypeAlias

import filelock
import msgspec

from crewai_hitl_nb.protocol import ids, state
from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.errors import HitlError, StoreUnavailable
from crewai_hitl_nb.protocol.events import (
    Event,
    HumanInputCancelled,
    HumanInputRequired,
    about,
    event_type,
)
from crewai_hitl_nb.protocol.state import Request, Status
from crewai_hitl_nb.protocol.wire import decode_event
from crewai_hitl_nb.store import relocation
from crewai_hitl_nb.store.base import Commit, Record, StoreInUse, commit_of
from crewai_hitl_nb.store.blob_folder import BlobFolder, folder_of
from crewai_hitl_nb.store.file_ownership import refuse_foreign
from crewai_hitl_nb.store.sqlite import partial_chain, reading, salvaged_files, schema, writer
from crewai_hitl_nb.store.sqlite.pages import Pages, Row, Value

_EVENT_COLUMNS: Final = 8
"""In the first version of the schema; later versions append theirs."""

_REQUEST_COLUMNS: Final = 9
"""In the first version, too; an index has fewer."""
_STATUSES: Final = ("pending", "answered", "cancelled", "expired")


class _Found(msgspec.Struct, frozen=True):
    """An event of the damaged file."""

    commit: Commit
    stored_at: float


class _Remains(msgspec.Struct):
    """Everything that could be read from the damaged file.

    Attributes:
        events: By offset.
        statuses: Of requests, as far as their table can be read.
        top: The last offset that appears anywhere.
        pruned_through: As it is stored.
        notes: The metadata; see ``metadata.py``.
        meta: Its epoch, the epoch with which its chain begins if that is another one, and why it
            is out of service, if it is.
        seals: By offset, also of events that cannot be read and of pruned ones.
        twice: Offsets with two different events; the first one found is taken.
    """

    events: dict[int, _Found] = {}
    statuses: dict[str, Status] = {}
    top: int = 0
    pruned_through: int = 0
    notes: dict[str, bytes] = {}
    meta: dict[str, str] = {}
    seals: dict[int, bytes] = {}
    twice: set[int] = set()


class Salvaged(msgspec.Struct, frozen=True, kw_only=True):
    """The result of salvaging a log.

    Attributes:
        kept: Events in the new one.
        lost: Ranges of offsets that are missing, first and last included.
        changed: Offsets of events that were left out: they do not follow from the one before.
        unverified: Offsets of events that were kept although the chain cannot prove that they are
            as they were sealed.
        pending: Requests that are open in the new log.
        ended: Requests that had ended, their end lost; cancelled in the new log.
        epoch: The new log's.
        files: How many files of requests were kept.
        lost_files: Hashes of files whose content is lost or altered.
    """

    kept: int
    lost: Sequence[tuple[int, int]]
    changed: Sequence[int]
    unverified: Sequence[int]
    pending: int
    ended: Sequence[str]
    epoch: str
    files: int
    lost_files: Sequence[str]


_Contents: TypeAlias = tuple[BlobFolder, BlobFolder]
"""The contents of the damaged log's files, and where the new log looks for its own."""


def salvage(path: Path, to: Path, now: datetime) -> Salvaged:
    """Write the readable events of the log at ``path`` to a new file; the old one is unchanged.

    Args:
        path: The damaged log; its ``-wal`` is read as well.
        to: The new one; must not exist.
        now: When it happens, aware.

    Raises:
        StoreInUse: A running server holds the log.
        StoreUnavailable: A file cannot be read or written, or nothing in it is an event.
    """
    with _alone(path):
        return _salvage(path, to, now, (_contents(path), _contents(to)))


def salvage_in_place(path: Path, now: datetime) -> tuple[Salvaged, Path]:
    """Replace the damaged log by the new one, and rename the damaged one.

    Returns:
        The result, and the path where the damaged log is now.

    Raises:
        StoreUnavailable: As for :func:`salvage`; the damaged log is then still in its place.
    """
    new = path.with_name(f"{path.name}.salvaged")
    with _alone(path):
        aside = _free_name(path.with_name(f"{path.name}.damaged-{now:%Y%m%dT%H%M%S}"))
        new.unlink(missing_ok=True)  # of an earlier try that was interrupted
        salvaged = _salvage(path, new, now, (_contents(path), _contents(path)))
        # In this order, so that after any interruption the damaged log is complete under one
        # of the two names, and its write-ahead log is never beside the new one.
        for end in _ENDS:
            source = path.with_name(path.name + end)
            if source.exists():
                _keep(source, Path(f"{aside}{end}"))
                if end:
                    source.unlink()
        new.replace(path)
    return salvaged, aside


_ENDS: Final = ("-wal", "-shm", "")
"""Suffixes of the names of a log's files."""


def _free_name(wanted: Path) -> Path:
    """Return a name that no copy has yet; there may be one from the same second."""
    more = (wanted.with_name(f"{wanted.name}-{number}") for number in count(2))
    names = chain_of([wanted], more)
    return next(name for name in names if not any(Path(f"{name}{end}").exists() for end in _ENDS))


def _keep(source: Path, target: Path) -> None:
    """Link or copy a file to a second name; never overwrite another file."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with source.open("rb") as old, open(handle, "wb") as new:
            shutil.copyfileobj(old, new)
            os.fsync(new.fileno())
        shutil.copystat(source, target)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Lock the log as a server does, and turn errors into ours.

    Like a server it refuses another user's file: the new log would look like this user's own.
    """
    try:
        for beside in ("", "-wal", ".lock"):
            refuse_foreign(Path(f"{path}{beside}"))
        with filelock.FileLock(f"{path}.lock").acquire(timeout=0):
            yield
    except filelock.Timeout:
        raise StoreInUse(f"{path} belongs to a running server; stop it first") from None
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(f"cannot salvage {path}: {error}") from error


def _contents(log: Path) -> BlobFolder:
    return BlobFolder(folder_of(log))


def _salvage(path: Path, to: Path, now: datetime, contents: _Contents) -> Salvaged:
    if to.exists():
        raise StoreUnavailable(f"{to} exists; name a file that does not")
    remains = _remains(path)
    if mark := relocation.decoded(remains.meta.get("mark")):
        raise StoreUnavailable(f"cannot salvage {path}: {mark}")
    if not remains.events:
        raise StoreUnavailable(f"no event can be read in {path}; it was not changed")
    bodies = {offset: found.commit.record.body for offset, found in remains.events.items()}
    began_with = remains.meta.get("chain", remains.meta.get("epoch"))
    said = partial_chain.judge(bodies, remains.seals, began_with)
    for offset in said.contradicted:
        del remains.events[offset]
    unproven = {*said.unproven, *(remains.twice & remains.events.keys())}
    said = partial_chain.Judgement(said.contradicted, sorted(unproven))
    return _write(to, remains, said, now, contents)


# ---- the damaged file


def _remains(path: Path) -> _Remains:
    remains = _Remains()
    with ExitStack() as stack:
        file, wal = (_bytes(stack, Path(name)) for name in (path, f"{path}-wal"))
        for row in Pages(file, wal).rows():
            _take(remains, row)
    remains.top = max([remains.top, *remains.events])
    return remains


def _bytes(stack: ExitStack, path: Path) -> bytes:
    if not path.exists() or path.stat().st_size == 0:
        return b""
    file = stack.enter_context(path.open("rb"))
    view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    stack.callback(view.close)
    return view  # type: ignore[return-value]  # read as bytes


def _take(remains: _Remains, row: Row) -> None:
    """Recognize a row by its shape, and take it if it is valid."""
    number, columns = row
    if number is not None and len(columns) >= _EVENT_COLUMNS:
        found = _event(number, columns)
        if found is not None:
            taken = remains.events.setdefault(number, found)
            if taken.commit.record.body != found.commit.record.body:
                remains.twice.add(number)
        if len(columns) > _EVENT_COLUMNS and isinstance(columns[_EVENT_COLUMNS], bytes):
            remains.seals.setdefault(number, columns[_EVENT_COLUMNS])
        return
    match columns:
        case (None, bytes(digest), bytes(seal)) if number is not None and len(digest) == len(seal):
            remains.seals.setdefault(number, seal)  # of a pruned event
        case ("epoch" | "chain" | "mark" as name, str(value)) if number is None:
            remains.meta[name] = value
        case ("events", int(top)) if number is not None:
            remains.top = max(remains.top, top)
        case ("pruned_through", int(offset)) if number is None:
            remains.pruned_through = max(remains.pruned_through, offset)
        case (str(name), bytes(body)) if number is None:
            remains.notes.setdefault(name, body)
        case (str(request_id), str(status), *_) if (
            len(columns) >= _REQUEST_COLUMNS and status in _STATUSES
        ):
            # An old page from before the request ended may still be in the file.
            if remains.statuses.get(request_id, "pending") == "pending":
                remains.statuses[request_id] = status  # type: ignore[assignment]


def _event(offset: int, columns: tuple[Value, ...]) -> _Found | None:
    """Return the event in a row, or None if the row has no valid event."""
    _, event_id, _, _, _, _, stored_at, body, *_ = columns
    if isinstance(body, str):  # another program may have written it so; SQLite reads both
        body = body.encode()
    if not isinstance(body, bytes) or not isinstance(stored_at, int | float):
        return None
    try:
        event = decode_event(body)
    except (HitlError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    if event.offset != offset or event.event_id != event_id:
        return None
    record = Record(
        offset, event.event_id, event_type(event), event.execution_id, event.crew_id, body
    )
    return _Found(Commit(record, event), float(stored_at))


# ---- the new file


def _write(
    to: Path, remains: _Remains, said: partial_chain.Judgement, now: datetime, contents: _Contents
) -> Salvaged:
    lost = list(_ranges(remains))
    os.close(os.open(to, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(to, isolation_level=None)) as connection:
        schema.upgrade(connection)
        connection.execute("BEGIN IMMEDIATE")
        (epoch,) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        pending = _fill(connection, epoch, remains)
        ended = [r for r in pending if remains.statuses.get(r, "pending") != "pending"]
        top = _end(connection, [pending[name] for name in ended], remains.top, now)
        _note(connection, remains, pruned=lost[-1][1] if lost else 0, top=top)
        events = ((found.commit.event, found.stored_at) for found in remains.events.values())
        files, lost_files = salvaged_files.keep(connection, events, *contents)
        connection.execute("COMMIT")
    return Salvaged(
        kept=len(remains.events),
        lost=lost,
        changed=said.contradicted,
        unverified=said.unproven,
        pending=len(pending) - len(ended),
        ended=ended,
        epoch=epoch,
        files=files,
        lost_files=lost_files,
    )


def _ranges(remains: _Remains) -> Iterator[tuple[int, int]]:
    """Yield the ranges of offsets that are missing."""
    first = remains.pruned_through
    offsets = [first, *(o for o in sorted(remains.events) if o > first), remains.top + 1]
    for before, after in pairwise(offsets):
        if after > before + 1:
            yield before + 1, after - 1


def _fill(
    connection: sqlite3.Connection, epoch: str, remains: _Remains
) -> dict[str, HumanInputRequired]:
    """Insert the events and return the requests that are open after them."""
    seal = chain.start(epoch).seal
    requests: dict[str, Request] = {}
    for _, found in sorted(remains.events.items()):
        seal = chain.sealed(seal, found.commit.record.body)
        # An event whose question is lost stays in the log for readers and changes no request.
        folded = state.apply(requests, found.commit.event)
        writer.insert(connection, found.commit, found.stored_at, seal, folded=folded)
    return {
        name: request.required for name, request in requests.items() if request.status == "pending"
    }


def _end(
    connection: sqlite3.Connection, requests: Sequence[HumanInputRequired], top: int, now: datetime
) -> int:
    """Cancel the requests whose end was lost; return the last offset afterwards."""
    for required in requests:
        top += 1
        event: Event = HumanInputCancelled(
            event_id=ids.new_event_id(),
            timestamp=now,
            **about(required),
            reason="source_lost",
            message="it had ended; its end was lost with a damaged part of the log",
        )
        commit = commit_of(event, top)
        seal = chain.sealed(reading.head(connection, "").seal, commit.record.body)
        writer.insert(connection, commit, now.timestamp(), seal, folded=True)
    return top


def _note(connection: sqlite3.Connection, remains: _Remains, *, pruned: int, top: int) -> None:
    """Write everything that the log stores besides the events."""
    for name, body in remains.notes.items():
        writer.put_metadata(connection, name, body)
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('pruned_through', ?)",
        (max(pruned, remains.pruned_through),),
    )
    connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (top,))
