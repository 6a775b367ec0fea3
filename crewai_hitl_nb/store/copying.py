"""Moves a log to another store: from SQLite to PostgreSQL, back, or to another of the same kind.

The copy is the same log: its epoch, offsets, ids, texts, seals and pruned digests, its requests
and who asked them, and the documents beside it. What belongs to one server (leases) is not copied.
PostgreSQL stores U+0000 in no text, so there another character stands for it in the columns beside
the events, which keep theirs; a copy back has it again wherever the event tells.

1. Mark the target ``arriving``: no server opens it.
2. Copy the rows, in pages, and the contents of files, one by one. A copy that was interrupted
   continues after the last event that the target has, if what it has is the beginning of the
   source, and with the contents that it lacks.
3. Compare both logs row by row, read every content again, and verify the target's seals.
4. Mark the source ``retired``: no server opens it any more.
5. Remove the target's mark.

Each step is durable before the next one, so after a crash at any point the source is in service or
the target is complete, and never are both in service. The same call again finishes the copy.

Above is the command line.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import zip_longest
from typing import Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store import file_copies
from crewai_hitl_nb.store.open import Location, UnsupportedStore
from crewai_hitl_nb.store.relocation import Mark
from crewai_hitl_nb.store.rows import storable
from crewai_hitl_nb.store.sqlite import transfer as sqlite
from crewai_hitl_nb.store.transfer import (
    EVENTS,
    NOTES,
    PRUNED,
    REQUESTS,
    OpenLog,
    Row,
    Table,
    TransferLog,
)

_BESIDE: Final = (PRUNED, REQUESTS, NOTES)
"""Copied anew by each call, because a source that was in use since has changed them."""

Step: TypeAlias = Literal[
    "begun", "continued", "begun again", "events", "rest", "verified", "retired", "done"
]


class Progress(msgspec.Struct, frozen=True):
    """What a copy has just done.

    Attributes:
        step: It is durable.
        events: How many events the target has.
        of: How many events the source has.
    """

    step: Step
    events: int
    of: int


Tell: TypeAlias = Callable[[Progress], None]


class Copied(msgspec.Struct, frozen=True):
    """The result of a copy.

    Attributes:
        source: The log that is retired: its path, or its URL without the password.
        target: The log that is in service now.
        epoch: Of both.
        events: How many events were copied.
        pruned: How many digests of pruned events.
        requests: How many requests, open and closed.
        head: The last place of the trail, as people keep it.
        unproven: Offsets of records that do not match their seals, in both logs.
        files: How many files of requests were copied.
        lost_files: Hashes of files whose content was lost or altered in the source.
    """

    source: str
    target: str
    epoch: str
    events: int
    pruned: int
    requests: int
    head: str
    unproven: list[int]
    files: int
    lost_files: list[str]


def copy(source: Location, target: Location, now: datetime, tell: Tell) -> Copied:
    """Move a log, or finish a move that was interrupted; afterwards the source is retired.

    Args:
        source: The log. No server may have it open.
        target: Where it goes: a file or a schema without a log, or one that an earlier call has
            not completed.
        now: When it happens, aware.
        tell: Called after each step.

    Raises:
        StoreInUse: A server has one of them open; nothing was changed.
        StoreUnavailable: The message says why it cannot be copied. The source is unchanged unless
            the copy was complete.
    """
    if _name(source) == _name(target):
        raise StoreUnavailable(f"{source} cannot be copied to itself")
    with ExitStack() as stack:
        old = stack.enter_context(_opened(source, create=False))
        retired = old.mark()
        if retired is not None and (retired.state == "arriving" or retired.other != _name(target)):
            raise StoreUnavailable(f"cannot copy {old.name}: {retired}")
        new = stack.enter_context(_opened(target, create=True))
        return _Copy(old, new, now, tell).run(retired)


def _opened(location: Location, *, create: bool) -> OpenLog:
    if location.database is not None:
        from crewai_hitl_nb.store.postgres import transfer as postgres

        return postgres.opened(location.database, create=create)
    if location.path is None:
        raise UnsupportedStore("a log in memory cannot be copied; name a file or a database")
    return sqlite.opened(location.path, create=create)


def _name(location: Location) -> str:
    """Return what :attr:`TransferLog.name` of an open log returns."""
    return str(location.path.absolute() if location.path is not None else location)


class _Copy:
    """One call."""

    def __init__(self, source: TransferLog, target: TransferLog, now: datetime, tell: Tell) -> None:
        self._source = source
        self._target = target
        self._now = now
        self._tell = tell
        self._facts = source.facts()
        self._events = source.count(EVENTS)
        self._done = 0

    def run(self, retired: Mark | None) -> Copied:
        """Do what is left to do."""
        mark = self._target.mark()
        if retired is None:
            mark = self._fill(mark)
        elif mark is None or mark.copy != retired.copy:  # the target is in service, or another log
            raise StoreUnavailable(f"cannot copy {self._source.name}: {retired}")
        unproven = self._verified()
        self._say("verified")
        if retired is None:
            self._source.refuse_in_use()
            self._target.refuse_in_use()
            self._source.put_mark(Mark("retired", self._target.name, self._now, mark.copy))
            self._say("retired")
        kept, files = file_copies.hashes(self._target), len(self._target.files())
        self._target.put_mark(None)
        self._say("done")
        return Copied(
            source=self._source.name,
            target=self._target.name,
            epoch=self._facts.epoch,
            events=self._events,
            pruned=self._target.count(PRUNED),
            requests=self._target.count(REQUESTS),
            head=str(self._facts.head),
            unproven=unproven,
            files=files,
            lost_files=sorted({sha256 for _, sha256, *_ in self._source.files()} - kept),
        )

    def _say(self, step: Step) -> None:
        self._tell(Progress(step, self._done, self._events))

    # ---- filling the target

    def _fill(self, mark: Mark | None) -> Mark:
        """Copy everything that the target does not have; return its mark."""
        if mark is None:
            mark = self._begin()
        else:
            self._check_arriving(mark)
            self._continue()
        after = self._target.last()
        while page := self._source.page(EVENTS, after):
            self._target.add(EVENTS, page)
            after = page[-1][0]
            self._done += len(page)
            self._say("events")
        for table in _BESIDE:
            self._target.clear(table)
            for page in _pages(self._source, table):
                self._target.add(table, page)
        file_copies.fill(self._source, self._target)
        self._target.put_facts(self._facts)
        self._say("rest")
        return mark

    def _begin(self) -> Mark:
        self._check_empty()
        mark = Mark("arriving", self._source.name, self._now, str(uuid.uuid4()))
        self._target.put_mark(mark)
        try:
            self._check_empty()  # from here on no server writes it
            self._target.refuse_in_use()
        except StoreUnavailable:
            self._target.put_mark(None)
            raise
        self._target.put_facts(self._facts)
        self._say("begun")
        return mark

    def _check_empty(self) -> None:
        if not self._target.is_empty():
            raise StoreUnavailable(
                f"{self._target.name} has a log already; name a file that does not exist, or "
                "another schema with `?schema=NAME` at the end of the URL"
            )

    def _check_arriving(self, mark: Mark) -> None:
        if mark.state == "retired":
            raise StoreUnavailable(
                f"cannot copy to {self._target.name}: {mark}. Name a file that does not exist, or "
                "another schema"
            )
        there = self._target.facts()
        known = (self._facts.epoch, self._facts.chain)
        if (there.epoch, there.chain) != known and not self._target.is_empty():
            raise StoreUnavailable(
                f"{self._target.name} has an incomplete copy of another log, {mark.other}; name a "
                "file that does not exist, or another schema"
            )

    def _continue(self) -> None:
        """Check that the target has the beginning of the source, or begin again."""
        theirs = _rows(self._source, EVENTS)
        for row in _rows(self._target, EVENTS):
            same = next(theirs, None)
            if _is_same(same, row):
                self._done += 1
            elif row[0] <= self._facts.pruned_through and (same is None or same[0] > row[0]):
                self._begin_again()  # the source was pruned since
                return
            else:
                raise StoreUnavailable(
                    f"{self._target.name} is not the beginning of {self._source.name}: event "
                    f"{row[0]} differs. Delete this incomplete copy and run the command again"
                )
        self._say("continued")

    def _begin_again(self) -> None:
        self._done = 0
        self._target.clear(EVENTS)
        self._say("begun again")

    # ---- comparing the two

    def _verified(self) -> list[int]:
        """Compare the logs; return the offsets of records that do not match their seals.

        Raises:
            StoreUnavailable: They differ.
        """
        if self._target.facts() != self._facts:
            raise self._differs("its epoch or its end")
        for table in (EVENTS, *_BESIDE):
            ours, theirs = _rows(self._source, table), _rows(self._target, table)
            if table is NOTES:  # names in which U+0000 was replaced are in another order
                ours, theirs = iter(sorted(map(_stored, ours))), iter(sorted(theirs))
            for here, there in zip_longest(ours, theirs):
                if not _is_same(here, there):
                    key = table.key_of(here or there)
                    raise self._differs(f"the row {key} of `{table.name}`")
        if (wrong := file_copies.difference(self._source, self._target)) is not None:
            raise self._differs(f"the file with the hash {wrong}")
        return self._walked()

    def _differs(self, what: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"the copy in {self._target.name} differs from {self._source.name}: {what}. Delete "
            "the copy and run the command again; the source still has everything"
        )

    def _walked(self) -> list[int]:
        """Follow the target's trail up to its head."""
        page = self._target.trail(0)
        place, unproven = page.start, list[int]()
        while page.entries:
            for entry in page.entries:
                if chain.seal(place.seal, entry.digest) != entry.seal:
                    unproven.append(entry.offset)
                place = Head(entry.offset, entry.seal)
            page = self._target.trail(place.offset)
        if place.seal != self._facts.head.seal:
            raise self._differs("its trail does not lead to its head")
        return unproven


def _pages(log: TransferLog, table: Table) -> Iterator[list[Row]]:
    after = table.first
    while page := log.page(table, after):
        yield page
        after = table.key_of(page[-1])


def _rows(log: TransferLog, table: Table) -> Iterator[Row]:
    for page in _pages(log, table):
        yield from page


def _is_same(here: Row | None, there: Row | None) -> bool:
    """Return whether two rows are equal but for U+0000, which PostgreSQL stores in no text."""
    if here == there or here is None or there is None:
        return here == there
    return _stored(here) == _stored(there)


def _stored(row: Row) -> Row:
    return tuple(storable(value) if isinstance(value, str) else value for value in row)
