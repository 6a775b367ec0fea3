"""What the replies look like, as types: the shapes that the documents describe.

Handlers put replies together from stored bytes, so they need no such type; ``schemas``
turns these into JSON Schema, and tests hold real replies against them, field by field.
Events stand here as a reference, since they come as they are stored.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.broker.webhooks.retries import Delivery
from crewai_hitl_nb.protocol.events import AnsweredBy, ClosingEvent, HumanInputRequired
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
    """A published event's place in the log; ``duplicate`` when it was there before."""

    event_id: Id
    request_id: Id | None
    offset: Place
    duplicate: bool


class Published(msgspec.Struct, frozen=True):
    """Where the published events stand, in the order in which they were sent."""

    events: tuple[Receipt, ...]


class Recorded(msgspec.Struct, frozen=True):
    """Where the request stands now, and the event that says so."""

    request_id: Id
    status: Status
    event: Event


class Request(HumanInputRequired, frozen=True, kw_only=True, tag="human_input_required"):
    """A question to a human, and what became of it."""

    offset: Place
    status: Status
    claimed_by: AnsweredBy | None
    completion: ClosingEvent | None


class RequestPage(msgspec.Struct, frozen=True):
    """One page of requests; ``next`` is the ``cursor`` of the page after it."""

    requests: tuple[Request, ...]
    next: str | None


class Poll(msgspec.Struct, frozen=True):
    """Events since the last one; ``last_event_id`` is where the next call goes on."""

    events: tuple[Event, ...]
    last_event_id: str | None
    epoch: str
    gap: Gap | msgspec.UnsetType = msgspec.UNSET


class CrewPoll(msgspec.Struct, frozen=True):
    """The same in the feature request's words."""

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
    """A record with its seal: its event, or the ``digest`` that pruning left of it.

    ``before`` is the seal before it, where the reply is not complete.
    """

    offset: Place
    seal: Seal
    event: Event | msgspec.UnsetType = msgspec.UNSET
    digest: Seal | msgspec.UnsetType = msgspec.UNSET
    before: Seal | msgspec.UnsetType = msgspec.UNSET


class AuditPage(msgspec.Struct, frozen=True):
    """Some records; the first one stands on ``start``, and ``next`` leads to the page after."""

    epoch: str
    complete: bool
    start: ChainPlace
    entries: tuple[AuditEntry, ...]
    head: ChainPlace
    next: str | None


class Health(msgspec.Struct, frozen=True):
    """How the server is; all but status and time only for those who may read."""

    status: Literal["healthy", "unhealthy"]
    timestamp: datetime
    version: str = ""
    message: str = ""
    epoch: str = ""
    offset: int = 0
    pending: int = 0
    subscriptions: int = 0


class Presence(msgspec.Struct, frozen=True):
    """Whether a process is connected, or was until a moment ago."""

    source_id: str
    present: bool


class Webhook(msgspec.Struct, frozen=True):
    """How one endpoint stands, with its latest deliveries, the newest first."""

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
    """Every endpoint; ``trouble`` says why none is served, if one should be."""

    webhooks: tuple[Webhook, ...]
    trouble: str | None
