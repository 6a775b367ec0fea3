"""What this server knows of the log's end, and how it begins again when that end is gone.

It also recognizes the database. After a failover the old primary may be running again, and a URL
with several hosts may lead to it. Nothing may be read or written there.

Two threads use it: the one that writes and the one that reads what other servers wrote. Commits
reach the event loop through the announcer, which puts those of both threads in order.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Literal

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.store.postgres import history, reading
from crewai_hitl_nb.store.postgres.announcer import Announcer
from crewai_hitl_nb.store.postgres.connections import Lineage, Session, WrongDatabase, lineage
from crewai_hitl_nb.store.postgres.history import FellBehind, HistoryLost, Seen
from crewai_hitl_nb.store.postgres.reading import State
from crewai_hitl_nb.store.postgres.tail import read_page

Why = Literal["history_lost", "fell_behind"]
"""Why what was announced is not followed by what comes now."""


class Following:
    """See the module.

    Args:
        announcer: Takes the commits.
        reset: Called with how the log stands now, when events are missing between what was
            announced and what will be; it must not block.
    """

    def __init__(self, announcer: Announcer, reset: Callable[[State, Why], None]) -> None:
        self.announcer = announcer
        self._reset = reset
        self._seen = Seen("", chain.start(""))
        self._epochs = set[str]()
        self._lineage: Lineage | None = None
        self._lock = threading.Lock()

    @property
    def seen(self) -> Seen:
        """The last place of the log that this server has seen."""
        return self._seen

    def begin(self, state: State) -> None:
        """Begin at the end of the log."""
        self._seen = Seen(state.epoch, state.head)
        self._epochs.add(state.epoch)
        self.announcer.begin(state.head.offset)

    def recognize(self, log: Session) -> None:
        """Refuse a new connection that leads to the primary of before a failover.

        Raises:
            WrongDatabase: It does.
        """
        found = lineage(log.connection)
        with self._lock:
            known = self._lineage
            if found is None:
                return
            if known is None or known.system != found.system or known.timeline <= found.timeline:
                self._lineage = found
                return
        raise WrongDatabase(
            f"the database that replied is an old primary: its timeline is {found.timeline}, and "
            f"this server has already written to timeline {known.timeline}; stop it, or make it a "
            "standby. If you restored a backup on purpose, restart this server"
        )

    def recognize_log(self, log: Session) -> None:
        """Refuse a new connection also if it leads to a log without what this server has seen.

        Raises:
            WrongDatabase: It does.
        """
        self.recognize(log)
        try:
            history.check(log, self._seen)
        except FellBehind:
            pass  # it cannot be compared
        except HistoryLost:
            raise WrongDatabase(
                "the database went back in time; try again when this server has followed it"
            ) from None

    def begin_again(self, log: Session, seen: Seen, reason: HistoryLost | FellBehind) -> None:
        """Begin anew at the end of the log, because what this server has seen is not in it.

        If history was lost, the first server that notices gives the log a new epoch, and the others
        take it over. The new epoch shows the loss to every reader.
        """
        with self._lock:
            if self._seen is not seen:
                return  # the other thread has begun anew, or has seen more: compare again
            lost = isinstance(reason, HistoryLost)
            state = history.new_epoch(log, self._epochs) if lost else reading.state(log)
            self._seen = Seen(state.epoch, state.head)
            self._epochs.add(state.epoch)
            why: Why = "history_lost" if lost else "fell_behind"
            self.announcer.begin(state.head.offset, partial(self._reset, state, why))

    def saw(self, head: Head, epoch: str) -> None:
        """Take note of a later place, unless it is of a history that is gone."""
        with self._lock:
            if epoch == self._seen.epoch and head.offset > self._seen.head.offset:
                self._seen = Seen(epoch, head)

    def read_page(self, log: Session) -> bool:
        """Read and announce the next events of other servers; return whether there may be more."""
        seen = self._seen
        try:
            head, more = read_page(log, self.announcer, seen)
        except (HistoryLost, FellBehind) as reason:
            self.begin_again(log, seen, reason)
            return True
        if head is not None:
            self.saw(head, seen.epoch)
        return more

    def check(self, log: Session) -> State:
        """Notice a database that went back in time, also when nothing is written here.

        Returns:
            How the log stands.
        """
        seen = self._seen
        try:
            return history.check(log, seen)
        except (HistoryLost, FellBehind) as reason:
            self.begin_again(log, seen, reason)
            return reading.state(log)
