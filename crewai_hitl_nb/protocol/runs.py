"""Run events: what a run that is watched tells of itself, and what follows from them.

A server stores and delivers them as it does any type that it does not know; the kernel
writes them and a run's view reads them, so their types stand here and nowhere else. They
say what a run does; what it asks is said by the events of ``events.py``, which share its
``execution_id``. No I/O, no clock.

A run's life is a table. The first end stands; steps are told apart from it, because the
last of them may arrive behind the end.

    status     event                  → status
    (none)     run_started            → running
    running    run_paused             → paused      (a flow was stored; nobody waits)
    paused     run_started            → running     (it was resumed)
    running    run_cancel_requested   → running     (that somebody wants it shows)
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
"""Steps that a run announces beforehand; what is above shows when it begins."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A task of a crew, or a method of a flow.

    Attributes:
        id: Of the task; of a method its name.
        name: For people.
        agent: The role of the agent, if it is known beforehand.
    """

    id: Id
    name: str
    agent: str | None = None


class _RunEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every run event carries. ``offset`` is None until a store has it."""

    event_id: Id
    timestamp: Instant
    execution_id: Id
    crew_id: Id | None = None
    offset: int | None = None


class RunStarted(_RunEvent, frozen=True, kw_only=True, tag="run_started"):
    """A run began, or went on after a pause.

    Attributes:
        name: Of the crew or the flow.
        kind: Which of them.
        tasks: What it is going to do, as far as that is known.
        source: The process that runs it.
    """

    name: str
    kind: RunKind
    tasks: Annotated[tuple[Step, ...], msgspec.Meta(max_length=MAX_RUN_STEPS)] = ()
    source: Source = Source()


class _StepEvent(_RunEvent, frozen=True, kw_only=True):
    """A step began or ended; a flow's method is named by itself."""

    task_id: Id
    task_name: str
    agent_role: str | None = None


class RunTaskStarted(_StepEvent, frozen=True, kw_only=True, tag="run_task_started"):
    """A step began; one that began before does so again."""


class RunTaskFinished(_StepEvent, frozen=True, kw_only=True, tag="run_task_finished"):
    """A step ended well."""


class RunTaskFailed(_StepEvent, frozen=True, kw_only=True, tag="run_task_failed"):
    """A step ended by an error."""

    error: str


class RunPaused(_RunEvent, frozen=True, kw_only=True, tag="run_paused"):
    """A flow was stored until its question is answered; its process may end."""


class RunFinished(_RunEvent, frozen=True, kw_only=True, tag="run_finished"):
    """A run ended well; ``result`` is Markdown, bounded, the cut said in the text."""

    result: str


class RunFailed(_RunEvent, frozen=True, kw_only=True, tag="run_failed"):
    """A run ended by an error; ``cause`` tells what led to it, one per line."""

    error: str
    cause: str | None = None


class RunCancelled(_RunEvent, frozen=True, kw_only=True, tag="run_cancelled"):
    """A run was stopped: by hand, an interrupt, its cell that ran again, or its process's end."""

    reason: RunCancelReason


class RunCancelRequested(_RunEvent, frozen=True, kw_only=True, tag="run_cancel_requested"):
    """Somebody wants a run to stop; ``via`` is the surface. The run ends by itself."""

    via: str | None = None


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
    """Where a step stands."""

    id: str
    name: str
    agent: str | None = None
    status: StepStatus = "waiting"
    started_at: datetime | None = None
    ended_at: datetime | None = None


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """A run and what became of it.

    Attributes:
        started: The event that began it.
        source: The process that runs it; another one after a pause.
        status: Where it stands. Whether it waits for a person is told by its requests.
        steps: Its steps, those announced first, then in the order in which they began.
        end: The event that ended or paused it.
        cancel_requested: Whether somebody wants it to stop.
    """

    started: RunStarted
    source: Source
    status: RunStatus = "running"
    steps: tuple[StepState, ...] = ()
    end: RunPaused | RunFinished | RunFailed | RunCancelled | None = None
    cancel_requested: bool = False


def fold_run(events: Iterable[RunEvent]) -> RunState | None:
    """Return what the events of one run, in log order, say of it; None before it began."""
    state: RunState | None = None
    for event in events:
        state = step_run(state, event)
    return state


def step_run(before: RunState | None, event: RunEvent) -> RunState | None:
    """Return the run after the event; one that the table has no row for changes nothing."""
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
    """Return a run event of now."""
    return struct(
        event_id=new_event_id(),
        timestamp=datetime.now(timezone.utc),
        execution_id=execution_id,
        **fields,
    )


def run_event_to_wire(event: RunEvent) -> UnknownEvent:
    """Return the event as what it is to the rest of the protocol: one that passes through."""
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
    """Return the run event that an event is; None when it is another, or a broken one."""
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
    """Return a run that begins, or one that goes on with the steps it had."""
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
