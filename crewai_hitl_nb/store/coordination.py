"""What several servers of one log agree on: what time it is, who is connected, who does what.

A log that has one server has no coordination (``Store.coordination`` is None).
"""

from datetime import datetime
from typing import Literal, Protocol

import msgspec

Duty = Literal["deadlines", "presence", "webhooks"]
"""Work that one of several servers does for all."""

Process = tuple[str | None, str]
"""A process that waits: the caller who published for it, if known, and its ``source.id``."""


class Tenure(msgspec.Struct, frozen=True):
    """The time for which one server has a duty.

    Attributes:
        duty: The work.
        number: Grows with each change of servers (a fencing token).
    """

    duty: Duty
    number: int


class ShareFigures(msgspec.Struct, frozen=True):
    """How this server stands among those that share its log.

    Attributes:
        events_behind: Events of the log that it knows of and has not announced yet.
        duties: The work that it does for all.
        connections: Its connections that read.
        connections_used: Those of them that are in use.
        reads_waiting: Reads that wait for a connection.
    """

    events_behind: int
    duties: frozenset[Duty]
    connections: int
    connections_used: int
    reads_waiting: int


class Coordination(Protocol):
    """What several servers of one log agree on."""

    def now(self) -> datetime:
        """Return the time by the log's clock."""

    def tenure(self, duty: Duty) -> Tenure | None:
        """Return this server's tenure of a duty, or None if it does not have the duty now.

        Work that began in one tenure must not be continued in another.
        """

    def arrived(self, process: Process) -> None:
        """Record that a process is connected to this server."""

    def left(self, process: Process) -> None:
        """Record that its last connection to this server has closed."""

    async def is_near(self, process: Process, grace: float) -> bool:
        """Return whether it is connected to any server, or was until ``grace`` seconds ago."""

    async def lost(self, grace: float, limit: int) -> list[str]:
        """Return the ids of open requests whose process is not near, and that are as old.

        There are none unless this server has the duty ``presence``, and has had it for so long
        that every process had time to connect again after an outage.
        """
