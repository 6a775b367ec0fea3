"""Run events: what a run publishes about itself, and the state that they add up to.

The server stores and delivers them like any unknown type. The kernel writes them and a run's
view reads them, so their types are defined only here. They report what a run does; its questions
are the events of ``events.py`` with the same ``execution_id``. No I/O, no clock.

A table holds a run's states. The first ending counts. Steps are kept apart from it, because the
last of them may arrive after the end.

    status     event                  → status
    (none)     run_started            → running
    running    run_paused             → paused      (a flow was saved; no process waits)
    paused     run_started            → running     (the flow was resumed)
    running    run_cancel_requested   → running     (the view shows that it was requested)
    running    run_finished           → finished
    running    run_failed             → failed
    running    run_cancelled          → cancelled
    paused     run_finished …         as from running
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec

from crewai_hitl_nb.protocol.events import Instant, Source, UnknownEvent
from crewai_hitl_nb.protocol.ids import Id, new_event_id

RunStatus: TypeAlias = Literal["running", "paused", "finished", "failed", "cancelled"]
StepStatus: TypeAlias = Literal["waiting", "working", "done", "failed"]
RunKind: TypeAlias = Literal["crew", "flow"]
RunCancelReason: TypeAlias = Literal["withdrawn", "interrupted", "replaced", "source_lost"]

MAX_RUN_STEPS: Final = 1000
"""Steps that a run announces at its start; further ones show when they begin."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A task of a crew, or a method of a flow.

    Attributes:
        id: The task's id, or the method's name.
        name: For people.
        agent: The role of the agent, if it is known in advance.
    """

    id: Id
    name: str
    agent: str | None = None


class _RunEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The fields of every run event. ``offset`` is None until the event is stored."""

    event_id: Id
    timestamp: Instant
    execution_id: Id
    crew_id: Id | None = None
    offset: int | None = None


class RunStarted(_RunEvent, frozen=True, kw_only=True, tag="run_started"):
    """A run began, or continues after a pause.

    Attributes:
        name: Name of the crew or the flow.
        kind: Whether it is a crew or a flow.
        tasks: The steps ahead, as far as they are known.
        source: The process that runs it.
    """

    name: str
    kind: RunKind
    tasks: Annotated[tuple[Step, ...], msgspec.Meta(max_length=MAX_RUN_STEPS)] = ()
    source: Source = Source()


class _StepEvent(_RunEvent, frozen=True, kw_only=True):
    """A step began or ended; a flow's method has its name as id."""

    task_id: Id
    task_name: str
    agent_role: str | None = None


class RunTaskStarted(_StepEvent, frozen=True, kw_only=True, tag="run_task_started"):
    """A step began, possibly not for the first time."""


class RunTaskFinished(_StepEvent, frozen=True, kw_only=True, tag="run_task_finished"):
    """A step finished without an error."""


class RunTaskFailed(_StepEvent, frozen=True, kw_only=True, tag="run_task_failed"):
    """A step failed."""

    error: str


class RunPaused(_RunEvent, frozen=True, kw_only=True, tag="run_paused"):
    """A flow was saved until its question is answered; its process may end."""


class RunFinished(_RunEvent, frozen=True, kw_only=True, tag="run_finished"):
    """A run finished; ``result`` is Markdown of bounded length, and a cut is marked."""

    result: str


class RunFailed(_RunEvent, frozen=True, kw_only=True, tag="run_failed"):
    """A run failed; ``cause`` lists the underlying errors, one per line."""

    error: str
    cause: str | None = None


class RunCancelled(_RunEvent, frozen=True, kw_only=True, tag="run_cancelled"):
    """A run was stopped: by hand, an interrupt, a rerun of its cell, or the end of its process."""

    reason: RunCancelReason


class RunCancelRequested(_RunEvent, frozen=True, kw_only=True, tag="run_cancel_requested"):
    """Somebody asked a run to stop, from the surface ``via``. The run then ends by itself."""

    via: str | None = None


RUN_CANCEL_REQUESTED: Final = str(RunCancelRequested.__struct_config__.tag)
"""The only event that asks something of a run; the process of the run acts on it."""

RunEvent: TypeAlias = (
    RunStarted
    | RunTaskStarted
    | RunTaskFinished
    | RunTaskFailed
    | RunPaused
    | RunFinished
    | RunFailed
    | RunCancelled
    | RunCancelRequested
)

E = TypeVar("E", bound=RunEvent)

RUN_TYPES: Final[Mapping[str, type[RunEvent]]] = {
    str(struct.__struct_config__.tag): struct for struct in RunEvent.__args__
}

RUN_TRANSITIONS: Final[Mapping[tuple[RunStatus | None, str], RunStatus]] = {
    (None, "run_started"): "running",
    ("running", "run_paused"): "paused",
    ("paused", "run_started"): "running",
    ("running", "run_cancel_requested"): "running",
    ("running", "run_finished"): "finished",
    ("running", "run_failed"): "failed",
    ("running", "run_cancelled"): "cancelled",
    ("paused", "run_finished"): "finished",
    ("paused", "run_failed"): "failed",
    ("paused", "run_cancelled"): "cancelled",
}

STEP_STATUS: Final[Mapping[str, StepStatus]] = {
    "run_task_started": "working",
    "run_task_finished": "done",
    "run_task_failed": "failed",
}


class StepState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a step."""

    id: str
    name: str
    agent: str | None = None
    status: StepStatus = "waiting"
    started_at: datetime | None = None
    ended_at: datetime | None = None


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a run.

    Attributes:
        started: The event that began it.
        source: The process that runs it; another one after a pause.
        status: Its status. Its requests tell whether it waits for a person.
        steps: Its steps: the announced ones first, then the others in the order they began.
        end: The event that ended or paused it.
        cancel_requested: Whether somebody asked it to stop.
    """

    started: RunStarted
    source: Source
    status: RunStatus = "running"
    steps: tuple[StepState, ...] = ()
    end: RunPaused | RunFinished | RunFailed | RunCancelled | None = None
    cancel_requested: bool = False


def fold_run(events: Iterable[RunEvent]) -> RunState | None:
    """Return the state of a run from its events in log order; None before it began."""
    state: RunState | None = None
    for event in events:
        state = step_run(state, event)
    return state


def step_run(before: RunState | None, event: RunEvent) -> RunState | None:
    """Return the run after the event; an event without a row in the table changes nothing."""
    if isinstance(event, RunTaskStarted | RunTaskFinished | RunTaskFailed):
        return None if before is None else _with_step(before, event)
    status = RUN_TRANSITIONS.get((before.status if before else None, type_of(event)))
    if status is None:
        return before
    if isinstance(event, RunStarted):
        return _begun(before, event)
    if before is None:
        return None
    if isinstance(event, RunCancelRequested):
        return msgspec.structs.replace(before, cancel_requested=True)
    return msgspec.structs.replace(before, status=status, end=event)


def type_of(event: RunEvent) -> str:
    """Return the event's ``type`` on the wire."""
    return str(event.__struct_config__.tag)


def new_run_event(execution_id: str, struct: type[E], /, **fields: Any) -> E:
    """Return a new run event with the current time."""
    return struct(
        event_id=new_event_id(),
        timestamp=datetime.now(timezone.utc),
        execution_id=execution_id,
        **fields,
    )


def run_event_to_wire(event: RunEvent) -> UnknownEvent:
    """Return the event as the rest of the protocol sees it: as an :class:`UnknownEvent`."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    del fields["offset"]
    return UnknownEvent(
        type=type_of(event),
        event_id=event.event_id,
        timestamp=event.timestamp,
        execution_id=event.execution_id,
        crew_id=event.crew_id,
        offset=event.offset,
        fields=fields,
    )


def run_event_from_wire(event: UnknownEvent) -> RunEvent | None:
    """Return the event as a run event; None when it is of another type or malformed."""
    struct = RUN_TYPES.get(event.type)
    if struct is None:
        return None
    envelope = {
        "event_id": event.event_id,
        "timestamp": event.timestamp,
        "execution_id": event.execution_id,
        "offset": event.offset,
    }
    try:
        return msgspec.convert({**event.fields, **envelope}, struct)
    except msgspec.ValidationError:
        return None


def _begun(before: RunState | None, event: RunStarted) -> RunState:
    """Return a run that begins, or one that continues with its earlier steps."""
    known = before.steps if before is not None else ()
    ids = {step.id for step in known}
    new = tuple(
        StepState(id=task.id, name=task.name, agent=task.agent)
        for task in event.tasks
        if task.id not in ids
    )
    started = before.started if before is not None else event
    return RunState(started=started, source=event.source, steps=known + new)


def _with_step(
    before: RunState, event: RunTaskStarted | RunTaskFinished | RunTaskFailed
) -> RunState:
    known = {step.id: step for step in before.steps}
    was = known.get(event.task_id, StepState(id=event.task_id, name=event.task_name))
    begins = isinstance(event, RunTaskStarted)
    known[event.task_id] = StepState(
        id=was.id,
        name=was.name,
        agent=event.agent_role or was.agent,
        status=STEP_STATUS[type_of(event)],
        started_at=event.timestamp if begins else was.started_at,
        ended_at=None if begins else event.timestamp,
    )
    return msgspec.structs.replace(before, steps=tuple(known.values()))
