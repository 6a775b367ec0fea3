"""What each method does on each path: what only a person can say of the endpoints.

Above stand ``openapi``, which makes a document of it together with the table of routes,
and ``asyncapi``. A route without a row here cannot be documented, and a row without a
route fails a test, so the two cannot drift. Bodies are named here and made in ``schemas``.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.broker.delivery.subscription import Replay
from crewai_hitl_nb.protocol import errors, limits
from crewai_hitl_nb.protocol.brief import Texts
from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.protocol.ids import Id
from crewai_hitl_nb.protocol.state import Listed
from crewai_hitl_nb.server.auth.keyring import Right
from crewai_hitl_nb.server.describe import schemas
from crewai_hitl_nb.server.describe.schemas import Schema
from crewai_hitl_nb.server.parameters import Order

FromOne: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
FromZero: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
Search: TypeAlias = Annotated[str, msgspec.Meta(max_length=limits.MAX_SEARCH_CHARS)]
Cursor: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}$")]


class Parameter(msgspec.Struct, frozen=True):
    """One parameter: its type, what it means, and where it stands."""

    name: str
    kind: Any
    description: str
    place: Literal["query", "header", "path"] = "query"

    def object(self) -> Schema:
        """Return the Parameter Object."""
        return {
            "name": self.name,
            "in": self.place,
            "description": self.description,
            "required": self.place == "path",
            "schema": schemas.type_schema(self.kind),
        }


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What a method does on a path.

    Attributes:
        id: Its name for generated clients.
        summary: What it does, in one line.
        right: What a caller must have the right to do; None for everybody.
        parameters: Those of the query and the headers.
        body: Name of the body's schema.
        body_needed: Whether an empty body is no body at all.
        reply: Media types of the 200 and the schemas of what they carry.
        upgrades: Whether it becomes a WebSocket.
        errors: What can go wrong besides what can go wrong everywhere.
    """

    id: str
    summary: str
    right: Right | None = "read"
    parameters: tuple[Parameter, ...] = ()
    body: str | None = None
    body_needed: bool = True
    reply: Mapping[str, Schema] = {}
    upgrades: bool = False
    errors: tuple[type[HitlError], ...] = ()


# ---- parameters

IN_PATH: Final = {
    "execution_id": Parameter("execution_id", Id, "Only events of this execution.", "path"),
    "crew_id": Parameter("crew_id", Id, "Only events of this crew.", "path"),
    "request_id": Parameter("request_id", Id, "The request.", "path"),
    "source_id": Parameter("source_id", Id, "The waiter: the `source.id` of events.", "path"),
}
CREW: Final = Parameter("crew_id", Id, "Only this crew.")
TEXTS: Final = Parameter(
    "texts",
    Texts,
    f"With `brief`, a question of more than {limits.BRIEF_EVENT_BYTES} bytes comes without its "
    "large fields and with the beginning of its prompt, and says `brief: true`; `requests/{id}` "
    "gives the whole.",
)
RESUME: Final = (
    Parameter("last_event_id", Id, "Resume after this event."),
    Parameter("Last-Event-ID", Id, "The same; it wins over the query.", "header"),
    Parameter("replay", Replay, "What comes first when there is no last id."),
    Parameter("type", str, "Only these event types, comma-separated; may be repeated."),
    TEXTS,
)
SOURCE: Final = Parameter("source", Id, "This connection is the waiter with that `source.id`.")
_POLL: Final = (
    *RESUME,
    Parameter(
        "limit",
        FromOne,
        f"At most this many events; {limits.PAGE_EVENTS} without, {limits.MAX_POLL_EVENTS} at "
        "most.",
    ),
    Parameter(
        "timeout",
        FromZero,
        f"Hold the call open up to this many seconds; 0 without, {limits.MAX_POLL_SECONDS:g} at "
        "most.",
    ),
)
_LISTING: Final = (
    Parameter("status", Listed, "Only requests that stand so; `closed`: all but the pending."),
    Parameter("execution_id", Id, "Only this execution."),
    CREW,
    Parameter("kind", Id, "Only questions of this kind."),
    Parameter("assignee", Id, "Only those for this person."),
    Parameter(
        "q",
        Search,
        "Only those in which all these words are found, in the question, in who asks or in what "
        "was answered. A page of a search may hold few or none; go on while there is a `next`.",
    ),
    TEXTS,
    Parameter("order", Order, "By the time of asking; the oldest first without."),
    Parameter(
        "limit",
        FromOne,
        f"At most this many; {limits.DEFAULT_PAGE_REQUESTS} without, "
        f"{limits.MAX_PAGE_REQUESTS} at most.",
    ),
    Parameter("cursor", Cursor, "The `next` of the page before."),
)
_IDEMPOTENCY: Final = Parameter(
    "Idempotency-Key", Id, "The same key and content again get the same answer.", "header"
)

# ---- errors

_BODY: Final = (errors.BadJson, errors.TooLarge)
_CLOSED: Final = (errors.AlreadyAnswered, errors.RequestCancelled, errors.RequestExpired)
_ENDING: Final = (*_CLOSED, errors.TooMany)
EVERYWHERE: Final[tuple[type[HitlError], ...]] = (
    errors.BadRequest,
    errors.Forbidden,
    errors.StoreUnavailable,
)

# ---- the table

_EVENT_STREAM: Final[Schema] = {
    "type": "string",
    "description": "Blocks of `id:` and `data:`, one for each event.",
}

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("get", "/ws/human-input[/{execution_id}]"): Operation(
        id="socket",
        summary="Events down and answers up, on one WebSocket.",
        parameters=(*RESUME, CREW, SOURCE),
        upgrades=True,
        errors=(errors.TooMany, errors.InvalidEvent),
    ),
    ("get", "/events/human-input[/{execution_id}]"): Operation(
        id="stream",
        summary="Events as they come, by Server-Sent Events.",
        parameters=(*RESUME, CREW, SOURCE),
        reply={"text/event-stream": _EVENT_STREAM},
        errors=(errors.TooMany, errors.InvalidEvent),
    ),
    ("get", "/poll/human-input[/{execution_id}]"): Operation(
        id="poll",
        summary="Events since the last one; waits for some if asked to.",
        parameters=(*_POLL, CREW, SOURCE),
        reply={"application/json": schemas.ref("Poll")},
        errors=(errors.TooMany, errors.InvalidEvent),
    ),
    ("get", "/v1/crews/{crew_id}/human-input-stream"): Operation(
        id="crewStream",
        summary="A crew's events in the feature request's words: WebSocket when the call asks "
        "for the upgrade, Server-Sent Events when it accepts them, else one poll.",
        parameters=(*_POLL, SOURCE),
        reply={
            "application/json": schemas.ref("CrewPoll"),
            "text/event-stream": _EVENT_STREAM,
        },
        upgrades=True,
        errors=(errors.TooMany, errors.InvalidEvent),
    ),
    ("post", "/events"): Operation(
        id="publish",
        summary="Publish one event or a list, idempotent on `event_id`. Answers and claims in "
        "it need the right to answer.",
        right="publish",
        body="NewEvents",
        reply={"application/json": schemas.ref("Published")},
        errors=(
            *_BODY,
            errors.InvalidEvent,
            errors.InvalidAnswer,
            errors.UnknownRequest,
            errors.RequestExists,
            errors.EventExists,
            *_ENDING,
        ),
    ),
    ("get", "/requests"): Operation(
        id="listRequests",
        summary="Requests and what became of them, page by page.",
        parameters=_LISTING,
        reply={"application/json": schemas.ref("RequestPage")},
        errors=(errors.TooMany,),
    ),
    ("get", "/requests/{request_id}"): Operation(
        id="getRequest",
        summary="One request as it stands.",
        reply={"application/json": schemas.ref("Request")},
        errors=(errors.UnknownRequest, errors.TooMany),
    ),
    ("post", "/requests/{request_id}/answer"): Operation(
        id="answer",
        summary="Answer in the caller's name; the first answer wins. Without a decision text "
        "responds; blank feedback accepts a draft under review and is refused elsewhere.",
        right="answer",
        parameters=(_IDEMPOTENCY,),
        body="Answer",
        body_needed=False,
        reply={"application/json": schemas.ref("Recorded")},
        errors=(*_BODY, errors.InvalidAnswer, errors.UnknownRequest, *_ENDING),
    ),
    ("post", "/requests/{request_id}/claim"): Operation(
        id="claim",
        summary="Say that one is on it; locks nobody out.",
        right="answer",
        body="ClaimBody",
        body_needed=False,
        reply={"application/json": schemas.ref("Recorded")},
        errors=(*_BODY, errors.InvalidAnswer, errors.UnknownRequest, *_ENDING),
    ),
    ("post", "/requests/{request_id}/cancel"): Operation(
        id="cancel",
        summary="Say that nobody waits any more.",
        right="publish",
        body="CancelBody",
        body_needed=False,
        reply={"application/json": schemas.ref("Recorded")},
        errors=(*_BODY, errors.UnknownRequest, *_ENDING),
    ),
    ("post", "/resume"): Operation(
        id="resume",
        summary="Answer the open request of an execution's task, in crewAI AMP's shape.",
        right="answer",
        body="ResumeBody",
        reply={"application/json": schemas.ref("Recorded")},
        errors=(*_BODY, errors.InvalidAnswer, errors.NotFound, *_ENDING),
    ),
    ("get", "/sources/{source_id}"): Operation(
        id="presence",
        summary="Whether a process that asks, or runs something, is there.",
        reply={"application/json": schemas.ref("Presence")},
        errors=(errors.TooMany,),
    ),
    ("get", "/audit"): Operation(
        id="audit",
        summary="Every event with its seal, page by page; a limited key gets those in its reach.",
        parameters=(
            Parameter("after", Cursor, "The `next` of the page before."),
            Parameter(
                "limit",
                FromOne,
                f"At most this many; {limits.PAGE_EVENTS} without, {limits.MAX_POLL_EVENTS} at "
                "most, and fewer when they are large.",
            ),
        ),
        reply={"application/json": schemas.ref("AuditPage")},
        errors=(errors.TooMany,),
    ),
    ("get", "/webhooks"): Operation(
        id="listWebhooks",
        summary="Where events are posted to, and how that goes.",
        reply={"application/json": schemas.ref("WebhookList")},
        errors=(errors.TooMany,),
    ),
    ("get", "/health"): Operation(
        id="health",
        summary="Whether the log is open: 200, or 503. Public.",
        right=None,
        reply={"application/json": schemas.ref("Health")},
    ),
    ("get", "/metrics"): Operation(
        id="metrics",
        summary="What the server did, in numbers, as Prometheus reads them.",
        reply={"text/plain": {"type": "string"}},
    ),
    ("get", "/openapi.json"): Operation(
        id="openapi",
        summary="This document.",
        reply={"application/json": {"type": "object"}},
    ),
    ("get", "/asyncapi.json"): Operation(
        id="asyncapi",
        summary="What travels on the streams.",
        reply={"application/json": {"type": "object"}},
    ),
    ("get", "/manifest.webmanifest"): Operation(
        id="manifest",
        summary="What lets a phone keep the inbox page on its home screen.",
        reply={"application/manifest+json": {"type": "object"}},
    ),
    ("get", "/service-worker.js"): Operation(
        id="serviceWorker",
        summary="The inbox page's service worker; it keeps nothing.",
        reply={"text/javascript": {"type": "string"}},
        errors=(errors.NotFound,),
    ),
    ("get", "/"): Operation(
        id="inbox",
        summary="The inbox page.",
        reply={"text/html": {"type": "string"}},
    ),
}
