"""The server's replies as types, which the clients return. No I/O."""

from datetime import datetime
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


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a person allowed beyond one call of a tool.

    Attributes:
        rule_id: Its id.
        request_id: The question with whose answer it was made.
        scope: ``run``, ``arguments`` (the run, with these arguments) or ``notebook``.
        tool: The tool.
        arguments: The arguments as JSON, if it is limited to them.
        agent: The agent's role, if it is limited to one.
        notebook: The notebook, if it is limited to one.
        execution_id: The run, if it is limited to one.
        crew_name: The crew that asked.
        made_by: The person who made it.
        made_at: When.
        expires_at: When it ends by itself.
    """

    rule_id: str
    request_id: str
    scope: str
    tool: str
    arguments: str | None = None
    agent: str | None = None
    notebook: str | None = None
    execution_id: str | None = None
    crew_name: str | None = None
    made_by: AnsweredBy
    made_at: datetime
    expires_at: datetime


class RuleList(msgspec.Struct, frozen=True):
    """The rules that stand."""

    rules: tuple[Rule, ...]


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
