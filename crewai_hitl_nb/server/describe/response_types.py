"""Types of the replies, from which the OpenAPI and AsyncAPI documents are made.

Handlers build replies from stored bytes, so they do not need these types; ``schemas``
turns them into JSON Schema, and tests compare real replies with them, field by field.
Events are references here, since they are sent as they are stored.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.broker.webhooks.retries import Delivery
from crewai_hitl_nb.protocol.events import AnsweredBy, ClosingEvent, HumanInputRequired, RuleScope
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.protocol.ids import Id
from crewai_hitl_nb.protocol.state import Status

Place: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]


_SCHEMAS: Final = "#/components/schemas/"

Event: TypeAlias = Annotated[Any, msgspec.Meta(extra_json_schema={"$ref": _SCHEMAS + "Event"})]
CrewEvent: TypeAlias = Annotated[
    Any, msgspec.Meta(extra_json_schema={"$ref": _SCHEMAS + "CrewEvent"})
]
CrewGap: TypeAlias = Annotated[Any, msgspec.Meta(extra_json_schema={"$ref": _SCHEMAS + "CrewGap"})]


class Receipt(msgspec.Struct, frozen=True):
    """A published event's place in the log; ``duplicate`` if the log had it already."""

    event_id: Id
    request_id: Id | None
    offset: Place
    duplicate: bool


class Published(msgspec.Struct, frozen=True):
    """The places of the published events in the log, in the order in which they were sent."""

    events: tuple[Receipt, ...]


class Recorded(msgspec.Struct, frozen=True):
    """The request's status now, and the event that set it."""

    request_id: Id
    status: Status
    event: Event


class Request(HumanInputRequired, frozen=True, kw_only=True, tag="human_input_required"):
    """A question to a human, and how it ended."""

    offset: Place
    status: Status
    claimed_by: AnsweredBy | None
    completion: ClosingEvent | None


class RequestPage(msgspec.Struct, frozen=True):
    """One page of requests; ``next`` is the ``cursor`` of the page after it."""

    requests: tuple[Request, ...]
    next: str | None


class Poll(msgspec.Struct, frozen=True):
    """Events since the last one; the next call continues from ``last_event_id``."""

    events: tuple[Event, ...]
    last_event_id: str | None
    epoch: str
    gap: Gap | msgspec.UnsetType = msgspec.UNSET


class CrewPoll(msgspec.Struct, frozen=True):
    """The same in the format of the feature request crewAI#3259."""

    events: tuple[CrewEvent, ...]
    last_event_id: str | None
    epoch: str
    gap: CrewGap | msgspec.UnsetType = msgspec.UNSET


Seal: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


class ChainPlace(msgspec.Struct, frozen=True):
    """A place in the chain: everything up to ``offset``, in one seal."""

    offset: Annotated[int, msgspec.Meta(ge=0)]
    seal: Seal


class AuditEntry(msgspec.Struct, frozen=True):
    """A record with its seal, and its event or, if it was pruned, its ``digest``.

    ``before`` is the seal before it, if the reply is not complete.
    """

    offset: Place
    seal: Seal
    event: Event | msgspec.UnsetType = msgspec.UNSET
    digest: Seal | msgspec.UnsetType = msgspec.UNSET
    before: Seal | msgspec.UnsetType = msgspec.UNSET


class AuditPage(msgspec.Struct, frozen=True):
    """Some records; ``start`` is the place just before the first, ``next`` the next page.

    The seals begin with ``chain``: the epoch, unless history was lost since.
    """

    epoch: str
    chain: str
    complete: bool
    start: ChainPlace
    entries: tuple[AuditEntry, ...]
    head: ChainPlace
    next: str | None


class Health(msgspec.Struct, frozen=True):
    """The health of the server; callers who may not read get status and time only."""

    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: datetime
    version: str = ""
    message: str = ""
    epoch: str = ""
    offset: int = 0
    pending: int = 0
    subscriptions: int = 0


class Live(msgspec.Struct, frozen=True):
    """The process serves."""

    status: Literal["live"]
    timestamp: datetime


class StandingRule(msgspec.Struct, frozen=True):
    """What a person allowed beyond one call of a tool; ``rule_id`` is their answer's event."""

    rule_id: Id
    request_id: Id
    scope: RuleScope
    tool: str
    arguments: str | None
    agent: str | None
    notebook: str | None
    execution_id: str | None
    crew_name: str | None
    made_by: AnsweredBy
    made_at: datetime
    expires_at: datetime


class RuleList(msgspec.Struct, frozen=True):
    """The rules that stand, oldest first."""

    rules: tuple[StandingRule, ...]


class Revoked(msgspec.Struct, frozen=True):
    """The rule has ended."""

    rule_id: Id
    status: Literal["revoked"]


class Presence(msgspec.Struct, frozen=True):
    """Whether a process is connected, or was until a moment ago."""

    source_id: str
    present: bool


class Webhook(msgspec.Struct, frozen=True):
    """The state of one webhook, with its latest deliveries, the newest first."""

    id: str
    url: str
    status: Literal["active", "retrying", "disabled"]
    disabled_at: datetime | None
    cursor: int
    next_attempt: datetime | None
    last_status: int | None
    last_error: str
    deliveries: tuple[Delivery, ...]


class WebhookList(msgspec.Struct, frozen=True):
    """Every webhook; ``trouble`` says why configured webhooks are not served."""

    webhooks: tuple[Webhook, ...]
    trouble: str | None
