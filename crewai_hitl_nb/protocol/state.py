"""The fold: computes the state of requests from their events.

A table holds a request's states. A store refuses a request event that has no row in the table,
so no log holds one. A reader that finds one anyway (in a foreign log) skips it, so that the first
closing event counts.

    status     event                    → status
    (none)     human_input_required     → pending
    pending    human_input_claimed      → pending     (the latest claim is shown)
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
"""The status filter of a listing; ``closed`` is every status but pending."""

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
    """A question to a person, and its outcome.

    Attributes:
        required: The event that asked.
        status: Its status.
        claimed_by: The person who claimed it last.
        completion: The event that closed it, or None while pending.
    """

    required: HumanInputRequired
    status: Status = "pending"
    claimed_by: AnsweredBy | None = None
    completion: ClosingEvent | None = None


def fold(events: Iterable[Event]) -> dict[str, Request]:
    """Return the requests of the events by request id, in asking order."""
    requests: dict[str, Request] = {}
    for event in events:
        apply(requests, event)
    return requests


def apply(requests: dict[str, Request], event: Event) -> bool:
    """Add an event to the fold; return False if the table has no row for it."""
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
    return before  # a reminder changes nothing else


def refusal(request_id: str, before: Request | None, event: Event) -> HitlError:
    """Return the error for an event that has no row in the table."""
    if before is None:
        return unknown_request(request_id)
    if isinstance(event, HumanInputRequired):
        return RequestExists(
            f"request `{request_id}` already exists; give a new question a new request_id",
            request_id=request_id,
        )
    return closed_error(request_id, before)


def unknown_request(request_id: str) -> UnknownRequest:
    """Return the error for a request that this log does not have."""
    return UnknownRequest(
        f"this log has no request `{request_id}`; GET requests lists those it has",
        request_id=request_id,
    )


def closed_error(request_id: str, request: Request) -> HitlError:
    """Return the error for a closed request, with how it ended and by whom."""
    closing = request.completion
    details: dict[str, Any] = {"request_id": request_id}
    if closing is not None:
        details["event"] = msgspec.json.decode(encode_event(closing))
    if isinstance(closing, HumanInputCompleted):
        winner = closing.answered_by or AnsweredBy(name="someone")
        when = details["event"]["timestamp"]
        return AlreadyAnswered(
            f"{winner.name} answered first, at {when}; your answer was not used",
            winner=msgspec.to_builtins(winner),
            answered_at=when,
            **details,
        )
    if isinstance(closing, HumanInputExpired):
        return RequestExpired("the request expired; its answer is no longer needed", **details)
    reason = closing.reason if isinstance(closing, HumanInputCancelled) else "withdrawn"
    return RequestCancelled(
        f"the request was cancelled ({reason}); its answer is no longer needed", **details
    )


def request_to_wire(request: Request, *, brief: bool = False) -> dict[str, Any]:
    """Return the request as a listing shows it: the question's fields, its status and outcome.

    Values stay encoded where possible, so that large ones are not copied.
    """
    asked = encode_event(request.required)
    wire: dict[str, Any] = dict(_fields.decode(in_brief(asked) if brief else asked))
    wire["status"] = request.status
    wire["claimed_by"] = msgspec.to_builtins(request.claimed_by)
    closing = request.completion
    wire["completion"] = msgspec.Raw(encode_event(closing)) if closing else None
    return wire
