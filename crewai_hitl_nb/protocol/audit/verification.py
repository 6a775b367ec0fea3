"""The audit: whether an exported trail is the log that it says, record by record. Pure.

A trail is JSON lines (``crewai-hitl audit`` writes them):

    {"type":"audit_begin","version":1,"epoch":"…","complete":true,"offset":0,"seal":"…"}
    {"type":"audit_record","offset":1,"seal":"…","event":{…}}
    {"type":"audit_record","offset":2,"seal":"…","digest":"…"}          pruned: its digest is left
    {"type":"audit_head","offset":2,"seal":"…"}

The event is taken as compact JSON with its fields in the order in which they stand, which is how
it was stored: a tool that only changes white space or escapes does no harm. Every event that is
there is hashed, whatever stands beside it, and a line with a name twice or with one that is not
known says two things at once, so it is none. The lines of a trail that is not ``complete`` (a
limited key's) hold the seal ``before`` each record: such a trail is bound to nothing, and anybody
can make one up; only the log itself can tell (``comparison.py``).

What is found is named: a record that was ``changed``, is ``missing``, or was ``moved``; a file
that was ``cut`` or added to; a chain that is another log's. The file alone cannot tell whether
somebody made the whole chain anew; a head that was written down earlier can.
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
    """What is wrong, where in the log, in words."""

    what: What
    offset: int | None
    message: str


class Begin(msgspec.Struct, frozen=True, tag="audit_begin", forbid_unknown_fields=True):
    """The first line."""

    version: int
    epoch: str
    complete: bool
    offset: Offset
    seal: Hash


class RecordLine(
    msgspec.Struct, frozen=True, tag="audit_record", omit_defaults=True, forbid_unknown_fields=True
):
    """A record: with its event, or with what pruning left of it."""

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
    """What a trail holds at one place.

    Attributes:
        seal: As it says.
        digest: Of its event, or what it says of one that was pruned.
        whole: Whether the event is there.
    """

    seal: bytes
    digest: bytes
    whole: bool


class Verdict(msgspec.Struct, frozen=True):
    """What a trail is worth.

    Attributes:
        epoch: The log's.
        records: Events that it holds.
        pruned: Records of which it holds the digest only.
        complete: Whether it claims to be whole.
        begin: The place that it begins behind.
        head: Its last place.
        problems: What is wrong with it; empty when it is what it says.
        held: Its records by their places.
        kept: The last place that was written down earlier and that it goes through.
    """

    epoch: str
    records: int
    pruned: int
    complete: bool
    begin: Head | None
    head: Head | None
    problems: list[Problem]
    held: dict[int, Held]
    kept: int | None


def verify(lines: Iterable[bytes], heads: Iterable[Head] = ()) -> Verdict:
    """Return what a trail is worth.

    Args:
        lines: The file's.
        heads: Places that were written down earlier; the trail must go through them.
    """
    reading = _Reading(heads)
    for number, line in enumerate(lines, 1):
        if line.strip():
            reading.take(number, line)
    return reading.verdict()


class _Reading:
    """Goes through a trail, one line after the other."""

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
            self._say("unreadable", None, f"line {number} is no line of a trail")
            return
        if self._ended:
            self._say("added", None, f"line {number} stands behind the end")
        elif isinstance(line, Begin) and self._begin is not None:
            self._say("added", None, f"line {number} begins a trail within the trail")
        elif isinstance(line, Begin):
            self._take_begin(line, Head(line.offset, seal))
        elif self._begin is None or self._place is None:
            self._say("cut", None, "the first line is missing: no beginning")
            self._begin = Begin(VERSION, "", True, line.offset, line.seal)
            self._place = Head(line.offset, seal)
        elif isinstance(line, RecordLine):
            self._take_record(line, seal, self._place)
        else:
            self._take_head(Head(line.offset, seal), self._place)

    def _take_begin(self, line: Begin, start: Head) -> None:
        if line.version != VERSION:
            said = f"the trail is of version {line.version}; this knows version {VERSION}"
            self._say("unreadable", None, said)
        if line.offset == 0 and start != chain.start(line.epoch):
            self._say("foreign", None, "its beginning is not that of a log of this epoch")
        self._begin, self._start, self._place = line, start, start
        self._pass(start)

    def _take_record(self, line: RecordLine, seal: bytes, place: Head) -> None:
        self._count(line)
        if line.offset <= place.offset:
            self._moved.add(line.offset)
            self._say("moved", line.offset, f"record {line.offset} does not stand in its place")
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
        """Say why a record does not follow from the one before it."""
        complete = self._begin is None or self._begin.complete
        if complete and offset > place.offset + 1:
            self._missing.append((place.offset + 1, offset - 1))
            return
        said = f"record {offset} is not what was sealed"
        if complete and place.offset:
            said += f" (or the seal of record {place.offset} before it is not)"
        self._say("changed", offset, said)

    def _take_head(self, head: Head, place: Head) -> None:
        self._ended = True
        if self._begin is not None and not self._begin.complete:
            return
        if head.offset > place.offset:
            said = f"records {place.offset + 1} to {head.offset} are missing at the end"
            self._say("cut", head.offset, said)
        elif head != place:
            self._say("changed", head.offset, "the end is not that of its last record")

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
            said = f"the head that was written down at {place.offset} is not in this chain"
            self._say("foreign", place.offset, f"{said}: it was made anew, or is another log's")

    def _say(self, what: What, offset: int | None, message: str) -> None:
        self._problems.append(Problem(what, offset, message))

    def verdict(self) -> Verdict:
        """Return what it comes to."""
        if not self._ended:
            self._say("cut", None, "the last line is missing: the end was cut off")
        for offset in sorted(self._anchors):
            known = self._start is not None and offset < self._start.offset
            why = "is older than what was kept" if known else "is behind the end of this trail"
            self._say("missing", offset, f"the head that was written down at {offset} {why}")
        problems = [*self._problems, *self._gaps()]
        return Verdict(
            epoch=self._begin.epoch if self._begin is not None else "",
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
        """Yield what is missing; what stands elsewhere is not."""
        for first, last in self._missing:
            for moved in (*sorted(m for m in self._moved if first <= m <= last), last + 1):
                if moved > first:
                    which = f"{first} to {moved - 1} are" if moved - 1 > first else f"{first} is"
                    said = f"record{'s' if moved - 1 > first else ''} {which} missing"
                    yield Problem("missing", first, said)
                first = moved + 1  # noqa: PLW2901 - what is left of the gap


def digest_of(line: RecordLine) -> bytes | None:
    """Return what stands for a record in the chain; None when it says nothing, or two things."""
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
    """Return an object of JSON, unless it names something twice: readers would differ on it."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found
