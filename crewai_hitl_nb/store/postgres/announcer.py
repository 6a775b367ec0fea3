"""Puts the commits of all servers into offset order before they are announced.

A server knows its own commits at once and reads those of the others (``tail.py``). Each part
covers a range of offsets, and a part whose predecessors are not known yet waits for them. Both
threads that bring parts call it; what is in order goes to the event loop.
"""

import threading
from collections.abc import Callable, Sequence

import msgspec

from crewai_hitl_nb.store.base import Commit

Deliver = Callable[[Sequence[Commit], int], None]
"""Takes commits in order, and the offset up to which everything is now delivered."""


class Announcer:
    """See the module.

    Args:
        deliver: Called with the lock held, so that the order of calls is that of the offsets; it
            must not block.
    """

    def __init__(self, deliver: Deliver) -> None:
        self._upto = 0
        self._beginnings = 0
        self._deliver = deliver
        self._waiting: dict[int, tuple[int, Sequence[Commit]]] = {}
        self._own: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, upto: int, then: Callable[[], None] = lambda: None) -> None:
        """Begin after this offset, with no part waiting.

        Args:
            upto: The offset.
            then: Called before anything after the offset is delivered; it must not block.
        """
        with self._lock:
            self._upto = upto
            self._beginnings += 1
            self._waiting.clear()
            then()

    def expect(self, commits: Sequence[Commit]) -> None:
        """Take note of the commits that this server is about to store.

        The thread that reads what others wrote may be the first to bring them.
        """
        with self._lock:
            self._own.update(commit.record.event_id for commit in commits)

    def forget(self, commits: Sequence[Commit]) -> None:
        """Forget expected commits that were not stored."""
        with self._lock:
            self._forget(commits)

    def _forget(self, commits: Sequence[Commit]) -> None:
        self._own.difference_update(commit.record.event_id for commit in commits)

    @property
    def position(self) -> tuple[int, int]:
        """The number of the beginning, and the offset up to which everything was delivered."""
        with self._lock:
            return self._beginnings, self._upto

    @property
    def has_hole(self) -> bool:
        """Whether a part waits for its predecessors."""
        return bool(self._waiting)

    def add(self, beginning: int, after: int, upto: int, commits: Sequence[Commit]) -> None:
        """Take all commits with ``after < offset <= upto``, of which some may be known already.

        Args:
            beginning: The number of the beginning before they were read or written: what is from
                before the last one is dropped.
            after: See above.
            upto: See above.
            commits: In order.
        """
        with self._lock:
            if beginning != self._beginnings:
                self._forget(commits)
                return
            if upto <= self._upto:
                return
            known = self._waiting.get(after)
            if known is None or known[0] < upto:
                self._waiting[after] = upto, commits
            self._deliver_what_follows()

    def _deliver_what_follows(self) -> None:
        while True:
            after = max((at for at in self._waiting if at <= self._upto), default=None)
            if after is None:
                return
            upto, commits = self._waiting.pop(after)
            if upto > self._upto:
                new = [
                    self._marked(commit) for commit in commits if commit.record.offset > self._upto
                ]
                self._upto = upto
                self._deliver(new, upto)

    def _marked(self, commit: Commit) -> Commit:
        """Say of a commit whether this server stored it, whoever brought it."""
        own = commit.record.event_id in self._own
        self._own.discard(commit.record.event_id)
        return commit if commit.own is own else msgspec.structs.replace(commit, own=own)
