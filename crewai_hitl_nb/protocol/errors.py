"""The errors of the protocol, with their HTTP statuses and codes.

    HitlError
    ├── BadInput                          the input is wrong: fix it, then send it again
    │   ├── BadJson              400  bad_json
    │   ├── BadRequest           400  bad_request
    │   ├── TooLarge             413  too_large
    │   ├── InvalidEvent         422  invalid_event
    │   └── InvalidAnswer        422  invalid_answer    (the request stays open)
    ├── FilesFull                507  files_full        (remove files, or wait)
    ├── Forbidden                403  forbidden
    ├── Unknown                           it does not exist here
    │   ├── NotFound             404  not_found
    │   └── UnknownRequest       404  unknown_request
    ├── Settled                           the request is closed, or the id is in use
    │   ├── AlreadyAnswered      409  already_answered  (names the winner)
    │   ├── RequestExists        409  request_exists
    │   ├── EventExists          409  event_exists
    │   ├── RequestCancelled     410  cancelled
    │   └── RequestExpired       410  expired
    └── Unavailable                       nothing was lost: a retry may succeed
        ├── TooMany              429  too_many
        └── StoreUnavailable     503  store_unavailable
            └── OutcomeUnknown   503  outcome_unknown   (it may be stored; repeat it, ids and all)

Each class has its HTTP status and code; ``retry`` says whether repeating the call can help.
On the wire: ``{"error": code, "message": what happened and what to do, …details}``. The
client raises the same classes as the server.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from crewai_hitl_nb.protocol.limits import MAX_RETRY_AFTER_SECONDS

RETRY_STATUSES: Final = (424, 429, 502, 503, 504)
"""Statuses that mean "not now", from our server or another: nothing was done, and the same call
may succeed later. A JupyterHub sends 424 for a server that it has stopped, a rate limit is 429,
and a proxy sends the others for a server that is away."""


class FieldError(msgspec.Struct, frozen=True):
    """One wrong field: its dotted path in the body, and the reason."""

    field: str
    message: str


class HitlError(Exception):
    """Base class of all errors here.

    Attributes:
        message: What happened and what to do.
        details: Further fields of the error's body.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    retry: ClassVar[bool] = False
    for_operator: ClassVar[bool] = False
    """Whether the message may be logged because it describes the machine. Other messages may quote
    a caller, so only the code is logged (``log_lines.py``)."""

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = details

    def to_wire(self) -> dict[str, Any]:
        """Return the body of the error reply."""
        return {"error": self.code, "message": self.message, **self.details}


class BadInput(HitlError):
    """The caller sent something wrong."""

    status = 400
    code = "bad_request"


class BadJson(BadInput):
    """The body is not JSON; ``line`` and ``column`` (counted from 1) say where."""

    code = "bad_json"


class BadRequest(BadInput):
    """A parameter or the shape of the body is wrong."""


class TooLarge(BadInput):
    """The body, or one event, has more than ``limit`` bytes."""

    status = 413
    code = "too_large"


class _InvalidFields(BadInput):
    status = 422

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        first = errors[0]
        place = f"`{first.field}`: " if first.field else ""
        super().__init__(
            f"{place}{first.message}",
            field=first.field,
            errors=[{"field": e.field, "message": e.message} for e in errors],
        )
        self.errors = errors


class InvalidEvent(_InvalidFields):
    """A field of an event is missing or wrong. No event of the batch was stored."""

    code = "invalid_event"

    @classmethod
    def at(cls, field: str, message: str) -> "InvalidEvent":
        """Return the error for one field."""
        return cls((FieldError(field, message),))


class InvalidAnswer(_InvalidFields):
    """The request does not accept this answer, and stays open."""

    code = "invalid_answer"

    @classmethod
    def at(cls, field: str, message: str) -> "InvalidAnswer":
        """Return the error for one field."""
        return cls((FieldError(field, message),))


class FilesFull(HitlError):
    """There is no room for another file; ``limit`` is in bytes."""

    status = 507
    code = "files_full"


class Forbidden(HitlError):
    """The caller does not have permission."""

    status = 403
    code = "forbidden"


class Unknown(HitlError):
    """What the caller named does not exist here."""

    status = 404
    code = "not_found"


class NotFound(Unknown):
    """The address does not exist."""


class UnknownRequest(Unknown):
    """The request is not in this log: it was never asked here, or it was pruned."""

    code = "unknown_request"


class Settled(HitlError):
    """The request is closed, or the id is in use."""

    status = 409
    code = "settled"


class AlreadyAnswered(Settled):
    """Another answer came first; ``winner``, ``answered_at`` and ``event`` name it."""

    code = "already_answered"


class RequestExists(Settled):
    """Another event already asked this request."""

    code = "request_exists"


class EventExists(Settled):
    """Another event with different content has this id. Nothing was stored."""

    code = "event_exists"


class RequestCancelled(Settled):
    """The request was cancelled; ``event`` says why."""

    status = 410
    code = "cancelled"


class RequestExpired(Settled):
    """The request's deadline passed; ``event`` says when."""

    status = 410
    code = "expired"


class Unavailable(HitlError):
    """The server cannot do it now. Nothing was lost: a retry may succeed."""

    status = 503
    code = "unavailable"
    retry = True
    for_operator = True

    @property
    def retry_after(self) -> float:
        """Seconds to wait before a retry, as the server asked; 0 when it did not say."""
        asked = self.details.get("retry_after", 0)
        if isinstance(asked, bool) or not isinstance(asked, int | float):
            return 0.0
        return float(min(max(asked, 0), MAX_RETRY_AFTER_SECONDS))


class TooMany(Unavailable):
    """A limit is reached; ``retry_after`` is in seconds."""

    status = 429
    code = "too_many"


class StoreUnavailable(Unavailable):
    """The store cannot read or write now."""

    code = "store_unavailable"


class OutcomeUnknown(StoreUnavailable):
    """Nobody knows whether the events are stored.

    The store broke off during the commit, or the database lost its last commits right after it.

    Sending them again with the same event ids is safe in both cases.
    """

    code = "outcome_unknown"


_BY_CODE: Mapping[str, type[HitlError]] = {
    error.code: error
    for error in (
        BadJson,
        BadRequest,
        TooLarge,
        FilesFull,
        Forbidden,
        NotFound,
        UnknownRequest,
        AlreadyAnswered,
        RequestExists,
        EventExists,
        RequestCancelled,
        RequestExpired,
        TooMany,
        StoreUnavailable,
        OutcomeUnknown,
    )
}


def error_from_wire(body: Mapping[str, Any], status: int) -> HitlError:
    """Return the error for a server's reply.

    For a body that is not ours (a proxy's page), the status picks the nearest class.
    """
    code = str(body.get("error", ""))
    message = str(body.get("message") or f"the server answered {status}")
    details = {k: v for k, v in body.items() if k not in ("error", "message")}
    if code in (InvalidEvent.code, InvalidAnswer.code):
        fields = tuple(
            FieldError(str(e.get("field", "")), str(e.get("message", "")))
            for e in details.get("errors", [])
        ) or (FieldError("", message),)
        return InvalidEvent(fields) if code == InvalidEvent.code else InvalidAnswer(fields)
    known = _BY_CODE.get(code)
    if known is None:
        known = _nearest(status)
    return known(message, **details)


def _nearest(status: int) -> type[HitlError]:
    by_status: Mapping[int, type[HitlError]] = {
        401: Forbidden,
        403: Forbidden,
        404: NotFound,
        413: TooLarge,
        429: TooMany,
    }
    if status in by_status:
        return by_status[status]
    return Unavailable if status in RETRY_STATUSES or status >= 500 else BadRequest
