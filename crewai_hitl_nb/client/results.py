"""The server's replies as types, which the clients return. No I/O."""

from typing import Any

import msgspec

from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    ClosingEvent,
    HumanInputCompleted,
    HumanInputRequired,
)
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.protocol.state import Status


class Request(HumanInputRequired, frozen=True, kw_only=True, tag="human_input_required"):
    """A question to a human and how it ended.

    Attributes:
        status: Whether it is open, or how it ended.
        claimed_by: Who claimed it last.
        completion: The event that closed it, or None while pending.
    """

    status: Status = "pending"
    claimed_by: AnsweredBy | None = None
    completion: ClosingEvent | None = None

    __repr__ = msgspec.Struct.__repr__  # with its texts, because people read it in a notebook


class Receipt(msgspec.Struct, frozen=True):
    """A published event's place in the log; ``duplicate`` if the log had it already."""

    event_id: str
    offset: int | None = None
    request_id: str | None = None
    duplicate: bool = False


class Published(msgspec.Struct, frozen=True):
    """The reply to a publish."""

    events: tuple[Receipt, ...]


class RequestPage(msgspec.Struct, frozen=True):
    """One page of requests; ``next`` is the cursor of the one after it."""

    requests: tuple[Request, ...]
    next: str | None = None


class Answered(msgspec.Struct, frozen=True):
    """The reply to an answer that won."""

    event: HumanInputCompleted


class PolledPage(msgspec.Struct, frozen=True):
    """One reply of a poll; events stay undecoded, so that one bad event cannot lose the others."""

    events: tuple[Any, ...]
    epoch: str
    last_event_id: str | None = None
    gap: Gap | None = None
    more: bool = False


class Health(msgspec.Struct, frozen=True):
    """The health of a server; callers without permission get status and timestamp alone."""

    status: str
    timestamp: str | None = None
    version: str | None = None
    epoch: str | None = None
    pending: int | None = None
