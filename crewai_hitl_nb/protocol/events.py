"""Events: the immutable records of a stream.

The dialect of the event-streaming guide is canonical (``docs/protocol.md``, "Events"). A known
type is a frozen struct; unknown fields in it are ignored. An unknown type is an
:class:`UnknownEvent` and passes through unchanged. ``wire.py`` decodes events once, at the
boundary; the rest of the code uses only these types.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import FieldError, InvalidEvent
from crewai_hitl_nb.protocol.ids import Id

Decision: TypeAlias = Literal["approve", "respond", "edit", "reject"]
Kind: TypeAlias = Literal[
    "task_feedback",
    "training_feedback",
    "flow_feedback",
    "question",
    "tool_approval",
    "llm_approval",
]
CancelReason: TypeAlias = Literal["interrupted", "run_failed", "source_lost", "withdrawn"]
Via: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Feedback: TypeAlias = Annotated[str, msgspec.Meta(max_length=limits.MAX_FEEDBACK_CHARS)]
Option: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
Attachments: TypeAlias = dict[str, dict[str, Any]]
"""Data by name and media type, as in the attachments of a notebook's cell (nbformat 4)."""

DATA_RESOURCE: Final = "application/vnd.dataresource+json"
"""The media type of a table: a Tabular Data Resource of Frictionless with its data in it."""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """Which answers a request accepts.

    Attributes:
        decisions: The decisions that a person can make, at least one.
        options: The texts to choose from, or None for free text.
        multiple: Whether several options may be chosen.
        schema: A JSON Schema object for a typed form (the subset in ``schema.py``), or None.
        default: The explicit answer for ``on_expiry="default"``; never inferred.
        on_expiry: What happens at ``expires_at``: the request fails, the default answers,
            or it keeps waiting.
        errors: Why the code that asks refused the values in the form's defaults, which a person
            entered in an earlier round; left out if there are none.
    """

    decisions: Annotated[tuple[Decision, ...], msgspec.Meta(min_length=1)] = ("approve", "respond")
    options: Annotated[tuple[Option, ...], msgspec.Meta(max_length=limits.MAX_OPTIONS)] | None = (
        None
    )
    multiple: bool = False
    schema: dict[str, Any] | None = None
    default: Any = None
    on_expiry: Literal["fail", "default", "wait"] = "fail"
    errors: (
        Annotated[tuple[FieldError, ...], msgspec.Meta(max_length=limits.MAX_SCHEMA_PROPERTIES)]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who asks and who waits for the answer.

    Attributes:
        id: The waiter: one for each process that asks. While a connection names it, somebody
            waits for the answer. None means that the request needs no waiter (a durable pause).
        kernel_id: The Jupyter kernel, if it is one.
        notebook: Path of the notebook as the Jupyter server names it.
        cell_id: The cell that asks, by its id in the notebook's file, if the front end sends it.
        crew_name: For people.
        task_name: For people.
        agent_role: For people.
        flow_name: For people; ``task_name`` holds the flow's method.
        tool_name: The tool that needs approval.
        host: Name of the machine.
        pid: Process id on that machine.
    """

    id: Id | None = None
    kernel_id: Id | None = None
    notebook: str | None = None
    cell_id: str | None = None
    crew_name: str | None = None
    task_name: str | None = None
    agent_role: str | None = None
    flow_name: str | None = None
    tool_name: str | None = None
    host: str | None = None
    pid: int | None = None


RuleScope: TypeAlias = Literal["run", "arguments", "notebook"]
"""What a rule allows: a tool for the rest of the run; the same with the same arguments; a tool of
one agent in one notebook."""


class GatedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call that waits at a gate, as rules compare it.

    Attributes:
        tool: The tool's name.
        arguments: The arguments in the one form of ``rules.arguments_text``; None where there is
            no such form.
    """

    tool: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_RULE_CHARS)]
    arguments: Annotated[str, msgspec.Meta(max_length=limits.MAX_RULE_CHARS)] | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person allowed beyond the call that they were asked about (``rules.py``).

    Attributes:
        scope: How far it reaches.
        tool: The tool's name.
        asker: Stands for the caller who asked; nobody outside the server can compute it.
        hours: How long it lives, from the answer that made it.
        execution_id: The run; None if it is not limited to one.
        arguments: The arguments; None for any.
        agent: The agent's role; None for any.
        notebook: The notebook; None for any.
    """

    scope: RuleScope
    tool: str
    asker: str
    hours: int
    execution_id: Id | None = None
    arguments: str | None = None
    agent: str | None = None
    notebook: str | None = None


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier round of a question: the draft, and what a person or a guardrail said to it."""

    draft: str
    feedback: str


class AgentStep(msgspec.Struct, frozen=True, kw_only=True):
    """A call that an agent made for its task before it asked.

    Attributes:
        number: Which call of its task it was, from 1.
        kind: Whether it called a tool or a language model.
        name: The tool's or the model's name.
        input: The arguments of a tool as JSON, in one line and cut; blank for a model.
        output: The beginning of a tool's result, in one line; blank for a model.
    """

    number: Annotated[int, msgspec.Meta(ge=1)]
    kind: Literal["tool", "model"]
    name: str
    input: str = ""
    output: str = ""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that was saved and ended its run; its question waits without a process.

    Attributes:
        flow_id: The flow's own id, under which its state is stored.
        flow_class: Its class as ``module.Name``.
        persistence: Path of the database that holds its state; None where it is not a file.
    """

    flow_id: Id
    flow_class: str
    persistence: str | None = None


class AnsweredBy(msgspec.Struct, frozen=True, kw_only=True):
    """The person (by the host's identity) and the surface they used."""

    name: str
    via: Via = "api"


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", gc=False):
    """The fields of every known event. ``offset`` is None until the event is stored.

    ``gc=False``: nothing in an event refers back to it, so the garbage collector need not
    traverse the thousands that a busy server holds for a moment.
    """

    event_id: Id
    timestamp: Instant
    execution_id: Id | None = None
    crew_id: Id | None = None
    task_id: Id | None = None
    agent_id: Id | None = None
    offset: int | None = None

    def __repr__(self) -> str:
        """Show the event without its texts, because a repr may reach a log."""
        return f"{type(self).__name__}(event_id={self.event_id!r}, offset={self.offset})"


class HumanInputRequired(_Event, frozen=True, kw_only=True, tag="human_input_required"):
    """A crew asks a person and waits.

    Beyond the guide and the feature request: ``draft`` is the full text under review where it may
    be edited; ``history`` holds the earlier rounds, oldest first; ``remind_at`` is when readers
    are reminded; ``pause`` says that no process waits and a flow is resumed later;
    ``attachments`` holds tables and images that ``context`` links to as ``attachment:NAME``;
    ``steps`` holds the latest calls of the agent, oldest first; ``call`` is the tool call that
    waits at a gate.
    """

    request_id: Id
    prompt: str
    context: str = ""
    reason_flags: dict[str, bool] = {}
    kind: Kind = "task_feedback"
    response: Response = Response()
    source: Source = Source()
    round: Annotated[int, msgspec.Meta(ge=1)] = 1
    expires_at: Instant | None = None
    remind_at: Instant | None = None
    assignee: Annotated[str, msgspec.Meta(max_length=limits.MAX_ID_CHARS)] | None = None
    draft: str | None = None
    history: tuple[Round, ...] = ()
    pause: Pause | None = None
    attachments: Attachments = {}
    steps: Annotated[tuple[AgentStep, ...], msgspec.Meta(max_length=limits.MAX_STEPS)] = ()
    call: GatedCall | msgspec.UnsetType = msgspec.UNSET


class HumanInputClaimed(_Event, frozen=True, kw_only=True, tag="human_input_claimed"):
    """A person is working on the answer. Advisory: others can still answer."""

    request_id: Id
    claimed_by: AnsweredBy


class HumanInputReminded(_Event, frozen=True, kw_only=True, tag="human_input_reminded"):
    """``remind_at`` has passed without an answer."""

    request_id: Id


class HumanInputCompleted(_Event, frozen=True, kw_only=True, tag="human_input_completed"):
    """The winning answer.

    Publishers that follow the event-streaming guide may omit ``request_id``; such an event is
    stored and delivered, and closes no request. Only the server writes ``rule``, which the person
    made with this answer, and ``by_rule``, the id of the rule that gave this answer.
    """

    request_id: Id | None = None
    human_feedback: Feedback = ""
    decision: Decision | None = None
    options: tuple[Option, ...] | None = None
    values: dict[str, Any] | None = None
    answered_by: AnsweredBy | None = None
    rule: Rule | msgspec.UnsetType = msgspec.UNSET
    by_rule: Id | msgspec.UnsetType = msgspec.UNSET


class HumanInputCancelled(_Event, frozen=True, kw_only=True, tag="human_input_cancelled"):
    """The request was withdrawn, or the process that asked is gone."""

    request_id: Id
    reason: CancelReason
    message: str = ""


class HumanInputExpired(_Event, frozen=True, kw_only=True, tag="human_input_expired"):
    """The deadline passed without an answer."""

    request_id: Id


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event of a type that this version does not know, kept unchanged.

    Attributes:
        type: Its type.
        event_id: Its id.
        timestamp: Its time.
        execution_id: For filters.
        crew_id: For filters.
        fields: The full object as it was sent, without ``offset``.
    """

    type: str
    event_id: Id
    timestamp: Instant
    execution_id: Id | None = None
    crew_id: Id | None = None
    offset: int | None = None
    fields: dict[str, Any] = {}

    def __repr__(self) -> str:
        """Show the event without its texts."""
        return f"{type(self).__name__}(event_id={self.event_id!r}, offset={self.offset})"


RUN_STARTED: Final = "run_started"
"""The only event besides a question that names a process: see ``runs.py``."""

ClosingEvent: TypeAlias = HumanInputCompleted | HumanInputCancelled | HumanInputExpired
RequestEvent: TypeAlias = HumanInputRequired | HumanInputClaimed | HumanInputReminded | ClosingEvent
Event: TypeAlias = RequestEvent | UnknownEvent

_STRUCTS: Final = (
    HumanInputRequired,
    HumanInputClaimed,
    HumanInputReminded,
    HumanInputCompleted,
    HumanInputCancelled,
    HumanInputExpired,
)
KNOWN_TYPES: Final[Mapping[str, type[RequestEvent]]] = {
    str(struct.__struct_config__.tag): struct for struct in _STRUCTS
}


def event_type(event: Event) -> str:
    """Return the event's ``type`` on the wire."""
    if isinstance(event, UnknownEvent):
        return event.type
    return str(event.__struct_config__.tag)


def request_id_of(event: Event) -> str | None:
    """Return the id of the request that the event belongs to, or None."""
    return None if isinstance(event, UnknownEvent) else event.request_id


def source_of(event: Event) -> str | None:
    """Return the id of the process that asks or runs, or None."""
    if isinstance(event, HumanInputRequired):
        return event.source.id
    if isinstance(event, UnknownEvent) and event.type == RUN_STARTED:
        source = event.fields.get("source")
        named = source.get("id") if isinstance(source, dict) else None
        return named if isinstance(named, str) and len(named) <= limits.MAX_ID_CHARS else None
    return None


_IDS: Final = ("execution_id", "crew_id", "task_id", "agent_id")


def placed(required: HumanInputRequired, event: RequestEvent) -> RequestEvent:
    """Return an event about a request with the request's own ids.

    The question fixed the ids. An event that leaves them out gets them, so that the request's
    readers receive it. An event with different ids is refused, not corrected: it belongs to
    another request, or its publisher is mistaken, and a reply of "stored" would hide that.

    Raises:
        InvalidEvent: Names the id that differs from the request's.
    """
    for name in _IDS:
        named, own = getattr(event, name), getattr(required, name)
        if named is not None and named != own:
            raise InvalidEvent.at(
                name,
                f"`{named}` is not the {name} of request `{required.request_id}`; "
                "leave the field out to use the request's",
            )
    return msgspec.structs.replace(event, **{name: getattr(required, name) for name in _IDS})


def about(required: HumanInputRequired) -> dict[str, Any]:
    """Return the fields that every event about this request shares with it."""
    return {
        "execution_id": required.execution_id,
        "crew_id": required.crew_id,
        "task_id": required.task_id,
        "agent_id": required.agent_id,
        "request_id": required.request_id,
    }
