"""The comparison: whether a trail's records stand in a log as they stand in the trail. Pure.

A verified chain (``audit.py``) says that nothing was changed since the chain was made, not who made
it. So the trail is held against a log that its reader trusts, record by record: each must have the
seal and the digest there that it has here. What the log's retention dropped since is bound by the
seal of the place where the log begins now.
"""

from collections.abc import Iterator

import msgspec

from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.audit.verification import Held, Problem, RecordLine, Verdict, digest_of


class Comparison:
    """Takes a log's records in order and says what does not fit the trail.

    Args:
        verdict: The trail, with its head.
        head: The trail's last place.
    """

    def __init__(self, verdict: Verdict, head: Head) -> None:
        self._trail = verdict
        self._head = head
        self._unseen = set[int]()
        self._problems: list[Problem] = []

    def log(self, epoch: str, start: Head, head: Head, *, complete: bool) -> bool:
        """Take what the log says of itself; return whether its records can be compared.

        Args:
            epoch: The log's.
            complete: Whether all its records can be seen.
            start: Where it begins now.
            head: Where it ends now.
        """
        if epoch != self._trail.epoch:
            self._say("the log is another one: its epoch is not the trail's")
        elif head.offset < self._head.offset:
            self._say(f"the log ends at {head.offset}, before the trail: records are gone from it")
        elif start.offset > self._head.offset:
            self._say(
                f"the log begins behind {start.offset}: it was pruned, and cannot be compared"
            )
        else:
            self._begin(start)
            if complete:
                self._unseen = {
                    o for o in self._trail.held if start.offset < o <= self._head.offset
                }
            return True
        return False

    def _begin(self, start: Head) -> None:
        """Hold the place where the log begins against the trail's record there."""
        begin = self._trail.begin
        if begin is not None and begin.offset == start.offset:
            here: bytes | None = begin.seal
        else:
            held = self._trail.held.get(start.offset)
            here = held.seal if held is not None else None
        if here is not None and here != start.seal:
            self._say(
                "the log has another seal where it begins: it was changed or made anew", start
            )

    def record(self, there: RecordLine) -> None:
        """Take one record of the log, up to the trail's end."""
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
        """Yield what does not fit, when all records of the log were taken."""
        yield from self._problems
        for offset in sorted(self._unseen):
            yield Problem("foreign", offset, f"record {offset} is not in the log")

    def _say(self, message: str, place: Head | None = None) -> None:
        self._problems.append(Problem("foreign", (place or self._head).offset, message))


def _difference(here: Held, there: RecordLine) -> str:
    if not here.whole and not isinstance(there.event, msgspec.UnsetType):
        return "is there by its digest only, and the log has its event"
    if digest_of(there) != here.digest:
        return "has another text in the log"
    return "" if bytes.fromhex(there.seal) == here.seal else "has another seal in the log"
