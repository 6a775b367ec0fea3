"""Compares an exported trail with a log, record by record. Pure.

A verified chain (``verification.py``) proves that nothing changed since the chain was made, but not
who made it. So the trail is compared with a log that its reader trusts: each record must have the
same seal and digest in both. Records that the log has pruned since are covered by the seal of the
position where the log begins now.
"""

from collections.abc import Iterator

import msgspec

from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.audit.verification import Held, Problem, RecordLine, Verdict, digest_of


class Comparison:
    """Takes a log's records in order and reports the differences from the trail.

    Args:
        verdict: The verified trail.
        head: The trail's last position.
    """

    def __init__(self, verdict: Verdict, head: Head) -> None:
        self._trail = verdict
        self._head = head
        self._unseen = set[int]()
        self._problems: list[Problem] = []

    def log(self, chain: str, start: Head, head: Head, *, complete: bool) -> bool:
        """Take the log's chain and range; return whether its records can be compared.

        Args:
            chain: The epoch with which the log's seals begin. Its epoch may be a later one.
            complete: Whether the caller sees all its records.
            start: Where the log begins now.
            head: Where the log ends now.
        """
        if chain != self._trail.chain:
            self._say("this is another log: its epoch differs from the trail's")
        elif head.offset < self._head.offset:
            self._say(
                f"the log ends at {head.offset}, before the trail does: records are missing from it"
            )
        elif start.offset > self._head.offset:
            self._say(f"the log begins after {start.offset}: it was pruned and cannot be compared")
        else:
            self._begin(start)
            if complete:
                self._unseen = {
                    o for o in self._trail.held if start.offset < o <= self._head.offset
                }
            return True
        return False

    def _begin(self, start: Head) -> None:
        """Compare the position where the log begins with the trail's record there."""
        begin = self._trail.begin
        if begin is not None and begin.offset == start.offset:
            here: bytes | None = begin.seal
        else:
            held = self._trail.held.get(start.offset)
            here = held.seal if held is not None else None
        if here is not None and here != start.seal:
            self._say("the log begins with another seal: it was changed or recreated", start)

    def record(self, there: RecordLine) -> None:
        """Compare one record of the log; call it up to the trail's end."""
        here = self._trail.held.get(there.offset)
        self._unseen.discard(there.offset)
        if here is None:
            if self._trail.complete:
                said = f"record {there.offset} of the log is not in the trail"
                self._problems.append(Problem("missing", there.offset, said))
            return
        what = _difference(here, there)
        if what:
            said = f"record {there.offset} {what}"
            self._problems.append(Problem("changed", there.offset, said))

    def problems(self) -> Iterator[Problem]:
        """Yield the differences, after all records of the log were compared."""
        yield from self._problems
        for offset in sorted(self._unseen):
            yield Problem("foreign", offset, f"record {offset} is not in the log")

    def _say(self, message: str, place: Head | None = None) -> None:
        self._problems.append(Problem("foreign", (place or self._head).offset, message))


def _difference(here: Held, there: RecordLine) -> str:
    if not here.whole and not isinstance(there.event, msgspec.UnsetType):
        return "has only its digest in the trail, but its event in the log"
    if digest_of(there) != here.digest:
        return "has different content in the log"
    return "" if bytes.fromhex(there.seal) == here.seal else "has a different seal in the log"
