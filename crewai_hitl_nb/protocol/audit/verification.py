"""Verifies an exported trail, record by record. Pure.

A trail is a file of JSON lines, written by ``crewai-hitl audit``:

    {"type":"audit_begin","version":1,"epoch":"…","complete":true,"offset":0,"seal":"…"}
    {"type":"audit_record","offset":1,"seal":"…","event":{…}}
    {"type":"audit_record","offset":2,"seal":"…","digest":"…"}       pruned: only its digest
    {"type":"audit_head","offset":2,"seal":"…"}

The first line also has a ``chain``, the epoch with which the seals begin, if the log has had
another epoch since: a database that went back in time keeps its records and gets a new epoch.

An event is hashed as compact JSON with its fields in their order, which is how it was stored, so a
tool that changes only white space or escapes does no harm. Every event in the file is hashed, even
beside a ``digest``. A line with a duplicate or unknown field is ambiguous and is rejected. The
lines of a trail that is not ``complete`` (a limited key's) hold the seal ``before`` each record:
such a trail is not bound to anything and anybody can forge one, so only a comparison with the log
can confirm it (``comparison.py``).

The verdict names each problem: a record that was ``changed``, is ``missing``, or was ``moved``; a
file that was ``cut`` or added to; a chain of another log. The file alone cannot show whether
somebody recreated the whole chain; a head that was kept earlier can.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.audit.chain import Head

VERSION: Final = 1

What: TypeAlias = Literal["changed", "missing", "moved", "cut", "added", "unreadable", "foreign"]


Offset: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Hash: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Problem(msgspec.Struct, frozen=True):
    """What is wrong, at which offset, with a message for people."""

    what: What
    offset: int | None
    message: str


class Begin(
    msgspec.Struct, frozen=True, tag="audit_begin", omit_defaults=True, forbid_unknown_fields=True
):
    """The first line; ``chain`` is empty if it is the epoch."""

    version: int
    epoch: str
    complete: bool
    offset: Offset
    seal: Hash
    chain: str = ""


class RecordLine(
    msgspec.Struct, frozen=True, tag="audit_record", omit_defaults=True, forbid_unknown_fields=True
):
    """A record: with its event, or with the digest that pruning kept."""

    offset: Offset
    seal: Hash
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    digest: Hash | Literal[""] = ""
    before: Hash | Literal[""] = ""


class HeadLine(msgspec.Struct, frozen=True, tag="audit_head", forbid_unknown_fields=True):
    """The last line."""

    offset: Offset
    seal: Hash


Line: TypeAlias = Begin | RecordLine | HeadLine

_DECODER: Final = msgspec.json.Decoder(Line)


class Held(msgspec.Struct, frozen=True, gc=False):
    """What a trail holds at one offset.

    Attributes:
        seal: The seal in the trail.
        digest: The event's digest, or the recorded one if the event was pruned.
        whole: Whether the trail has the event.
    """

    seal: bytes
    digest: bytes
    whole: bool


class Verdict(msgspec.Struct, frozen=True):
    """The result of verifying a trail.

    Attributes:
        epoch: The log's epoch.
        chain: The epoch with which its seals begin.
        records: Number of events in the trail.
        pruned: Number of records with only their digest.
        complete: Whether the trail claims to have every record.
        begin: The position before its first record.
        head: Its last position.
        problems: What is wrong with it; empty when it is sound.
        held: Its records by offset.
        kept: Offset of the last given head that the trail contains.
    """

    epoch: str
    chain: str
    records: int
    pruned: int
    complete: bool
    begin: Head | None
    head: Head | None
    problems: list[Problem]
    held: dict[int, Held]
    kept: int | None


def verify(lines: Iterable[bytes], heads: Iterable[Head] = ()) -> Verdict:
    """Verify a trail.

    Args:
        lines: The lines of the file.
        heads: Heads that were kept earlier; the trail must contain them.
    """
    reading = _Reading(heads)
    for number, line in enumerate(lines, 1):
        if line.strip():
            reading.take(number, line)
    return reading.verdict()


class _Reading:
    """Reads a trail line by line."""

    def __init__(self, heads: Iterable[Head]) -> None:
        self._anchors: dict[int, set[bytes]] = {}
        for head in heads:
            self._anchors.setdefault(head.offset, set()).add(head.seal)
        self._kept: int | None = None
        self._held: dict[int, Held] = {}
        self._begin: Begin | None = None
        self._start: Head | None = None
        self._place: Head | None = None
        self._ended = False
        self._records = self._pruned = 0
        self._problems: list[Problem] = []
        self._missing: list[tuple[int, int]] = []
        self._moved: set[int] = set()

    def take(self, number: int, raw: bytes) -> None:
        """Take one line."""
        try:
            line = _DECODER.decode(raw)
            seal = bytes.fromhex(line.seal)
            json.loads(raw, object_pairs_hook=_once)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            self._say("unreadable", None, f"line {number} is not a line of a trail")
            return
        if self._ended:
            self._say("added", None, f"line {number} comes after the end of the trail")
        elif isinstance(line, Begin) and self._begin is not None:
            self._say("added", None, f"line {number} begins a trail within the trail")
        elif isinstance(line, Begin):
            self._take_begin(line, Head(line.offset, seal))
        elif self._begin is None or self._place is None:
            self._say("cut", None, "the first line is missing")
            self._begin = Begin(VERSION, "", True, line.offset, line.seal)
            self._place = Head(line.offset, seal)
        elif isinstance(line, RecordLine):
            self._take_record(line, seal, self._place)
        else:
            self._take_head(Head(line.offset, seal), self._place)

    def _take_begin(self, line: Begin, start: Head) -> None:
        if line.version != VERSION:
            said = f"the trail has version {line.version}; this program reads version {VERSION}"
            self._say("unreadable", None, said)
        if line.offset == 0 and start != chain.start(line.chain or line.epoch):
            self._say("foreign", None, "the trail does not begin like a log of its epoch")
        self._begin, self._start, self._place = line, start, start
        self._pass(start)

    def _take_record(self, line: RecordLine, seal: bytes, place: Head) -> None:
        self._count(line)
        if line.offset <= place.offset:
            self._moved.add(line.offset)
            self._say("moved", line.offset, f"record {line.offset} is out of order")
            return
        digest = digest_of(line)
        whole = not isinstance(line.event, msgspec.UnsetType)
        self._held[line.offset] = Held(seal, digest or b"", whole)
        if self._begin is not None and not self._begin.complete:
            place = Head(place.offset, bytes.fromhex(line.before))
        if digest is None or chain.seal(place.seal, digest) != seal:
            self._explain(line.offset, place)
        self._place = Head(line.offset, seal)
        self._pass(self._place)

    def _explain(self, offset: int, place: Head) -> None:
        """Report why a record does not follow from the one before it."""
        complete = self._begin is None or self._begin.complete
        if complete and offset > place.offset + 1:
            self._missing.append((place.offset + 1, offset - 1))
            return
        said = f"record {offset} does not match its seal"
        if complete and place.offset:
            said += f" (or the seal of record {place.offset} before it was changed)"
        self._say("changed", offset, said)

    def _take_head(self, head: Head, place: Head) -> None:
        self._ended = True
        if self._begin is not None and not self._begin.complete:
            return
        if head.offset > place.offset:
            said = f"records {place.offset + 1} to {head.offset} are missing at the end"
            self._say("cut", head.offset, said)
        elif head != place:
            self._say("changed", head.offset, "the last line does not match the last record")

    def _count(self, line: RecordLine) -> None:
        if isinstance(line.event, msgspec.UnsetType):
            self._pruned += 1
        else:
            self._records += 1

    def _pass(self, place: Head) -> None:
        expected = self._anchors.pop(place.offset, None)
        if expected == {place.seal}:
            self._kept = place.offset
        elif expected is not None:
            said = f"the kept head {place.offset} is not in this chain"
            self._say(
                "foreign", place.offset, f"{said}: it was recreated, or belongs to another log"
            )

    def _say(self, what: What, offset: int | None, message: str) -> None:
        self._problems.append(Problem(what, offset, message))

    def verdict(self) -> Verdict:
        """Return the result."""
        if not self._ended:
            self._say("cut", None, "the last line is missing: the end was cut off")
        for offset in sorted(self._anchors):
            known = self._start is not None and offset < self._start.offset
            why = (
                "is older than the start of this trail"
                if known
                else "is after the end of this trail"
            )
            self._say("missing", offset, f"the kept head {offset} {why}")
        problems = [*self._problems, *self._gaps()]
        return Verdict(
            epoch=self._begin.epoch if self._begin is not None else "",
            chain=(self._begin.chain or self._begin.epoch) if self._begin is not None else "",
            records=self._records,
            pruned=self._pruned,
            complete=self._begin is not None and self._begin.complete,
            begin=self._start,
            head=self._place,
            problems=sorted(problems, key=lambda problem: problem.offset or 0),
            held=self._held,
            kept=self._kept,
        )

    def _gaps(self) -> Iterable[Problem]:
        """Yield the missing records; moved ones are not missing."""
        for first, last in self._missing:
            for moved in (*sorted(m for m in self._moved if first <= m <= last), last + 1):
                if moved > first:
                    which = f"{first} to {moved - 1} are" if moved - 1 > first else f"{first} is"
                    said = f"record{'s' if moved - 1 > first else ''} {which} missing"
                    yield Problem("missing", first, said)
                first = moved + 1  # noqa: PLW2901 - the rest of the gap


def digest_of(line: RecordLine) -> bytes | None:
    """Return the digest of a record; None when it has none, or two that differ."""
    said = bytes.fromhex(line.digest)
    if isinstance(line.event, msgspec.UnsetType):
        return said or None
    try:
        event: Any = msgspec.json.decode(line.event)
    except msgspec.MsgspecError:
        return None
    if not isinstance(event, dict) or event.get("offset") != line.offset:
        return None
    digest = chain.digest(msgspec.json.encode(event))
    return digest if said in (b"", digest) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; refuse duplicate names, which readers interpret differently."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("the object has a duplicate name")
    return found
