"""The fold: from events to requests and what became of them.

A request's life is a table. A request event that the table has no row for is refused by a
store, so no log holds it; a reader that meets one all the same (a foreign log) skips it,
so that the first closing event stands.

    status     event                    → status
    (none)     human_input_required     → pending
    pending    human_input_claimed      → pending     (the latest claim shows)
    pending    human_input_reminded     → pending
    pending    human_input_completed    → answered
    pending    human_input_cancelled    → cancelled
    pending    human_input_expired      → expired
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.protocol.brief import in_brief
from crewai_hitl_nb.protocol.errors import (
    AlreadyAnswered,
    HitlError,
    RequestCancelled,
    RequestExists,
    RequestExpired,
    UnknownRequest,
)
from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    ClosingEvent,
    Event,
    HumanInputCancelled,
    HumanInputClaimed,
    HumanInputCompleted,
    HumanInputExpired,
    HumanInputRequired,
    UnknownEvent,
    event_type,
)
from crewai_hitl_nb.protocol.wire import encode_event

Status: TypeAlias = Literal["pending", "answered", "cancelled", "expired"]

Listed: TypeAlias = Literal["pending", "answered", "cancelled", "expired", "closed"]
"""What a listing may be narrowed down to: a status, or every one but pending."""

TRANSITIONS: Final[Mapping[tuple[Status | None, str], Status]] = {
    (None, "human_input_required"): "pending",
    ("pending", "human_input_claimed"): "pending",
    ("pending", "human_input_reminded"): "pending",
    ("pending", "human_input_completed"): "answered",
    ("pending", "human_input_cancelled"): "cancelled",
    ("pending", "human_input_expired"): "expired",
}

STATUS_AFTER: Final[Mapping[str, Status]] = {
    event: after for (_, event), after in TRANSITIONS.items()
}
"""The status in which an event leaves its request."""

CLOSING_TYPES: Final = tuple(event for event, after in STATUS_AFTER.items() if after != "pending")
"""The events that close a request; ``events.ClosingEvent`` is their type."""

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A question to a human and what became of it.

    Attributes:
        required: The event that asked.
        status: Where it stands.
        claimed_by: Who said last that they are on it.
        completion: The event that closed it, or None while pending.
    """

    required: HumanInputRequired
    status: Status = "pending"
    claimed_by: AnsweredBy | None = None
    completion: ClosingEvent | None = None


def fold(events: Iterable[Event]) -> dict[str, Request]:
    """Return the requests that the events speak of, by request id, in asking order."""
    requests: dict[str, Request] = {}
    for event in events:
        apply(requests, event)
    return requests


def apply(requests: dict[str, Request], event: Event) -> bool:
    """Take one more event into the fold; return False when the table has no row for it."""
    if isinstance(event, UnknownEvent) or event.request_id is None:
        return False
    after = step(requests.get(event.request_id), event)
    if after is None:
        return False
    requests[event.request_id] = after
    return True


def step(before: Request | None, event: Event) -> Request | None:
    """Return the request after the event, or None when the table has no row for it."""
    status = TRANSITIONS.get((before.status if before else None, event_type(event)))
    if status is None:
        return None
    if isinstance(event, HumanInputRequired):
        return Request(required=event)
    if before is None:
        return None
    if isinstance(event, HumanInputClaimed):
        return msgspec.structs.replace(before, claimed_by=event.claimed_by)
    if isinstance(event, ClosingEvent):
        return msgspec.structs.replace(before, status=status, completion=event)
    return before  # people were told again, nothing else


def refusal(request_id: str, before: Request | None, event: Event) -> HitlError:
    """Return the error for an event that the table has no row for."""
    if before is None:
        return unknown_request(request_id)
    if isinstance(event, HumanInputRequired):
        return RequestExists(
            f"request `{request_id}` was asked before; give a new question a new request_id",
            request_id=request_id,
        )
    return closed_error(request_id, before)


def unknown_request(request_id: str) -> UnknownRequest:
    """Return the error for a request that nobody asked here."""
    return UnknownRequest(
        f"there is no request `{request_id}` in this log; list them with GET requests",
        request_id=request_id,
    )


def closed_error(request_id: str, request: Request) -> HitlError:
    """Return the error that tells how a closed request ended, and by whom."""
    closing = request.completion
    details: dict[str, Any] = {"request_id": request_id}
    if closing is not None:
        details["event"] = msgspec.json.decode(encode_event(closing))
    if isinstance(closing, HumanInputCompleted):
        winner = closing.answered_by or AnsweredBy(name="someone")
        when = details["event"]["timestamp"]
        return AlreadyAnswered(
            f"{winner.name} answered first, at {when}; your answer was not taken",
            winner=msgspec.to_builtins(winner),
            answered_at=when,
            **details,
        )
    if isinstance(closing, HumanInputExpired):
        return RequestExpired("the deadline passed; nobody waits for this answer", **details)
    reason = closing.reason if isinstance(closing, HumanInputCancelled) else "withdrawn"
    return RequestCancelled(
        f"the request was cancelled ({reason}); nobody waits for this answer", **details
    )


def request_to_wire(request: Request, *, brief: bool = False) -> dict[str, Any]:
    """Return the request as the listing shows it: the asking event's fields and its fate.

    The values are as they are to be encoded: of a large one nothing is made anew.
    """
    asked = encode_event(request.required)
    wire: dict[str, Any] = dict(_fields.decode(in_brief(asked) if brief else asked))
    wire["status"] = request.status
    wire["claimed_by"] = msgspec.to_builtins(request.claimed_by)
    closing = request.completion
    wire["completion"] = msgspec.Raw(encode_event(closing)) if closing else None
    return wire
