"""Describes each method of each path: summaries, parameters, bodies, permissions and errors.

Above are ``openapi``, which combines it with the table of routes into a document, and
``asyncapi``. A route without a row here cannot be documented, and a row without a
route fails a test, so the two cannot drift. Bodies are named here and defined in ``schemas``.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.broker.delivery.subscription import Replay
from crewai_hitl_nb.protocol import errors, limits
from crewai_hitl_nb.protocol.brief import Texts
from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.protocol.files import ANY_BYTES
from crewai_hitl_nb.protocol.ids import Id
from crewai_hitl_nb.protocol.state import Listed
from crewai_hitl_nb.server.auth.keyring import Right
from crewai_hitl_nb.server.describe import schemas
from crewai_hitl_nb.server.describe.schemas import Schema
from crewai_hitl_nb.server.parameters import Moment, Order

FromOne: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
FromZero: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
Search: TypeAlias = Annotated[str, msgspec.Meta(max_length=limits.MAX_SEARCH_CHARS)]
FileName: TypeAlias = Annotated[str, msgspec.Meta(max_length=limits.MAX_FILE_NAME_BYTES)]
Cursor: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}$")]


class Parameter(msgspec.Struct, frozen=True):
    """One parameter: its type, its meaning, and whether it is in the path, query or headers."""

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
    """One method of one path.

    Attributes:
        id: Its name for generated clients.
        summary: What it does, in one line.
        right: The permission that a caller needs; None for everybody.
        parameters: The parameters in the query and the headers.
        body: The name of the schema of a JSON body, or the schema of a file's bytes; None if it
            takes no body.
        body_needed: Whether a call must have a body.
        reply: The media types of the reply, each with the schema of its content.
        status: The status of that reply.
        upgrades: Whether the connection can become a WebSocket.
        errors: The errors it can return, besides those of every operation (``EVERYWHERE``).
        unwell: When it replies 503 with the same body; blank for never.
    """

    id: str
    summary: str
    right: Right | None = "read"
    parameters: tuple[Parameter, ...] = ()
    body: str | Schema | None = None
    body_needed: bool = True
    reply: Mapping[str, Schema] = {}
    status: int = 200
    upgrades: bool = False
    errors: tuple[type[HitlError], ...] = ()
    unwell: str = ""


CONTENT: Final[Schema] = {"type": "string", "format": "binary"}
"""The bytes of a file."""

# ---- parameters

IN_PATH: Final = {
    "execution_id": Parameter("execution_id", Id, "Only events of this execution.", "path"),
    "crew_id": Parameter("crew_id", Id, "Only events of this crew.", "path"),
    "request_id": Parameter("request_id", Id, "The request.", "path"),
    "rule_id": Parameter("rule_id", Id, "The rule.", "path"),
    "sha256": Parameter(
        "sha256",
        Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")],
        "The hash of the file's content.",
        "path",
    ),
    "source_id": Parameter("source_id", Id, "The waiter: the `source.id` of events.", "path"),
}
CREW: Final = Parameter("crew_id", Id, "Only this crew.")
TEXTS: Final = Parameter(
    "texts",
    Texts,
    f"With `brief`, a question of more than {limits.BRIEF_EVENT_BYTES} bytes comes without its "
    "large fields and with only the beginning of its prompt, marked `brief: true`; "
    "`requests/{id}` returns all of it.",
)
RESUME: Final = (
    Parameter("last_event_id", Id, "Resume after this event."),
    Parameter("Last-Event-ID", Id, "The same; the header wins over the query.", "header"),
    Parameter("replay", Replay, "Which earlier events come first if there is no last id."),
    Parameter("type", str, "Only these event types, comma-separated; may be repeated."),
    TEXTS,
)
SOURCE: Final = Parameter("source", Id, "This connection is the waiter with this `source.id`.")
_POLL: Final = (
    *RESUME,
    Parameter(
        "limit",
        FromOne,
        f"The most events to return; {limits.PAGE_EVENTS} by default, {limits.MAX_POLL_EVENTS} at "
        "most.",
    ),
    Parameter(
        "timeout",
        FromZero,
        "Wait up to this many seconds for an event; 0 by default, "
        f"{limits.MAX_POLL_SECONDS:g} at most.",
    ),
)
_LISTING: Final = (
    Parameter("status", Listed, "Only requests with this status; `closed`: all but `pending`."),
    Parameter("execution_id", Id, "Only this execution."),
    CREW,
    Parameter("kind", Id, "Only questions of this kind."),
    Parameter("assignee", Id, "Only questions that are assigned to this person."),
    Parameter(
        "q",
        Search,
        "Only requests that contain all these words, in the question, the asker or the answer. "
        "A page of a search may be empty; continue while there is a `next`.",
    ),
    Parameter(
        "closed_after",
        Moment,
        "Only requests that have ended, then or later by the log's clock; RFC 3339 with a zone.",
    ),
    TEXTS,
    Parameter("order", Order, "By the time of asking; the oldest first by default."),
    Parameter(
        "limit",
        FromOne,
        f"The most requests to return; {limits.DEFAULT_PAGE_REQUESTS} by default, "
        f"{limits.MAX_PAGE_REQUESTS} at most.",
    ),
    Parameter("cursor", Cursor, "The `next` of the previous page."),
)
_IDEMPOTENCY: Final = Parameter(
    "Idempotency-Key", Id, "The same key and content sent again get the same reply.", "header"
)

# ---- errors

_BODY: Final = (errors.BadJson, errors.TooLarge)
_CLOSED: Final = (errors.AlreadyAnswered, errors.RequestCancelled, errors.RequestExpired)
_ENDING: Final = (*_CLOSED, errors.TooMany, errors.OutcomeUnknown)
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
        summary="Receive events and send answers on one WebSocket.",
        parameters=(*RESUME, CREW, SOURCE),
        upgrades=True,
        errors=(errors.TooMany, errors.InvalidEvent),
    ),
    ("get", "/events/human-input[/{execution_id}]"): Operation(
        id="stream",
        summary="Receive events as they are published, by Server-Sent Events.",
        parameters=(*RESUME, CREW, SOURCE),
        reply={"text/event-stream": _EVENT_STREAM},
        errors=(errors.TooMany, errors.InvalidEvent),
    ),
    ("get", "/poll/human-input[/{execution_id}]"): Operation(
        id="poll",
        summary="Return the events since the last one; with `timeout`, wait for some.",
        parameters=(*_POLL, CREW, SOURCE),
        reply={"application/json": schemas.ref("Poll")},
        errors=(errors.TooMany, errors.InvalidEvent),
    ),
    ("get", "/v1/crews/{crew_id}/human-input-stream"): Operation(
        id="crewStream",
        summary="A crew's events in the format of the feature request crewAI#3259: a WebSocket if "
        "the call asks for the upgrade, Server-Sent Events if it accepts them, else one poll.",
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
        "it also need the permission to answer.",
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
        summary="List requests and how they ended, page by page.",
        parameters=_LISTING,
        reply={"application/json": schemas.ref("RequestPage")},
        errors=(errors.TooMany,),
    ),
    ("get", "/requests/{request_id}"): Operation(
        id="getRequest",
        summary="Return the current state of one request.",
        reply={"application/json": schemas.ref("Request")},
        errors=(errors.UnknownRequest, errors.TooMany),
    ),
    ("post", "/requests/{request_id}/answer"): Operation(
        id="answer",
        summary="Answer in the caller's name; the first answer wins. Without a decision, text "
        "means `respond`; blank feedback accepts a draft under review and is refused otherwise.",
        right="answer",
        parameters=(_IDEMPOTENCY,),
        body="Answer",
        body_needed=False,
        reply={"application/json": schemas.ref("Recorded")},
        errors=(*_BODY, errors.InvalidAnswer, errors.UnknownRequest, *_ENDING),
    ),
    ("post", "/requests/{request_id}/claim"): Operation(
        id="claim",
        summary="Announce that the caller is working on an answer; others may still answer.",
        right="answer",
        body="ClaimBody",
        body_needed=False,
        reply={"application/json": schemas.ref("Recorded")},
        errors=(*_BODY, errors.InvalidAnswer, errors.UnknownRequest, *_ENDING),
    ),
    ("post", "/requests/{request_id}/cancel"): Operation(
        id="cancel",
        summary="Cancel a request: nobody is waiting for its answer any longer.",
        right="publish",
        body="CancelBody",
        body_needed=False,
        reply={"application/json": schemas.ref("Recorded")},
        errors=(*_BODY, errors.UnknownRequest, *_ENDING),
    ),
    ("post", "/requests/{request_id}/files"): Operation(
        id="uploadFile",
        summary="Upload a file of a request, and get the reference that events hold. Those who may "
        "publish can upload before they ask; those who may answer, while the request is open.",
        right="answer",
        parameters=(
            Parameter("name", FileName, "The file's name; folders in it are dropped."),
            Parameter(
                "Content-Digest",
                Annotated[str, msgspec.Meta(pattern=r"^sha-256=:[A-Za-z0-9+/]{43}=:$")],
                "The content's digest (RFC 9530). A content with another one is refused.",
                "header",
            ),
        ),
        body=CONTENT,
        body_needed=False,
        status=201,
        reply={"application/json": schemas.ref("FileReference")},
        errors=(errors.TooLarge, errors.FilesFull, *_CLOSED, errors.TooMany),
    ),
    ("get", "/requests/{request_id}/files/{sha256}"): Operation(
        id="downloadFile",
        summary="Return the content of a file that an event of the request refers to, as a "
        "download.",
        reply={ANY_BYTES: CONTENT},
        errors=(errors.UnknownRequest, errors.NotFound, errors.TooMany),
    ),
    ("get", "/rules"): Operation(
        id="listRules",
        summary="List the rules that people made for tools and that stand, oldest first.",
        reply={"application/json": schemas.ref("RuleList")},
        errors=(errors.TooMany,),
    ),
    ("post", "/rules/{rule_id}/revoke"): Operation(
        id="revokeRule",
        summary="End a rule: from then on a person is asked again.",
        right="answer",
        body="RevokeBody",
        body_needed=False,
        reply={"application/json": schemas.ref("Revoked")},
        errors=(*_BODY, errors.InvalidAnswer, errors.NotFound, errors.TooMany),
    ),
    ("post", "/resume"): Operation(
        id="resume",
        summary="Answer the open request of an execution's task, in the format of crewAI AMP.",
        right="answer",
        body="ResumeBody",
        reply={"application/json": schemas.ref("Recorded")},
        errors=(*_BODY, errors.InvalidAnswer, errors.NotFound, *_ENDING),
    ),
    ("get", "/sources/{source_id}"): Operation(
        id="presence",
        summary="Return whether a process that asks, or runs something, is connected.",
        reply={"application/json": schemas.ref("Presence")},
        errors=(errors.TooMany,),
    ),
    ("get", "/audit"): Operation(
        id="audit",
        summary="List every event with its seal, page by page; a limited key gets those of its "
        "scope.",
        parameters=(
            Parameter("after", Cursor, "The `next` of the previous page."),
            Parameter(
                "limit",
                FromOne,
                f"The most events to return; {limits.PAGE_EVENTS} by default, "
                f"{limits.MAX_POLL_EVENTS} at most, and fewer if they are large.",
            ),
        ),
        reply={"application/json": schemas.ref("AuditPage")},
        errors=(errors.TooMany,),
    ),
    ("get", "/webhooks"): Operation(
        id="listWebhooks",
        summary="List the webhooks with their latest deliveries.",
        reply={"application/json": schemas.ref("WebhookList")},
        errors=(errors.TooMany,),
    ),
    ("get", "/health"): Operation(
        id="health",
        summary="Return whether the server accepts work: 200 if it does, else 503. Public.",
        right=None,
        reply={"application/json": schemas.ref("Health")},
        unwell="The log is not open, or the server stops.",
    ),
    ("get", "/health/live"): Operation(
        id="live",
        summary="Return that the process serves. Public.",
        right=None,
        reply={"application/json": schemas.ref("Live")},
    ),
    ("get", "/metrics"): Operation(
        id="metrics",
        summary="Return the server's metrics in the format of Prometheus.",
        reply={"text/plain": {"type": "string"}},
    ),
    ("get", "/openapi.json"): Operation(
        id="openapi",
        summary="This document.",
        reply={"application/json": {"type": "object"}},
    ),
    ("get", "/asyncapi.json"): Operation(
        id="asyncapi",
        summary="The AsyncAPI document, which describes the streams.",
        reply={"application/json": {"type": "object"}},
    ),
    ("get", "/manifest.webmanifest"): Operation(
        id="manifest",
        summary="The web app manifest: a phone can put the inbox page on its home screen.",
        reply={"application/manifest+json": {"type": "object"}},
    ),
    ("get", "/service-worker.js"): Operation(
        id="serviceWorker",
        summary="The inbox page's service worker; it caches nothing.",
        reply={"text/javascript": {"type": "string"}},
        errors=(errors.NotFound,),
    ),
    ("get", "/insights"): Operation(
        id="insights",
        summary="The page *Insights*: what people accepted and refused, and how long they took.",
        reply={"text/html": {"type": "string"}},
    ),
    ("get", "/"): Operation(
        id="inbox",
        summary="The inbox page.",
        reply={"text/html": {"type": "string"}},
    ),
}
