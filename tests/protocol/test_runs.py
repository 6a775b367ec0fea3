"""Run events: the golden folds that TypeScript shares, and the way through the protocol."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crewai_hitl_nb.protocol.events import KNOWN_TYPES, UnknownEvent
from crewai_hitl_nb.protocol.runs import (
    RUN_TYPES,
    RunEvent,
    RunState,
    RunTaskStarted,
    fold_run,
    new_run_event,
    run_event_from_wire,
    run_event_to_wire,
)
from crewai_hitl_nb.protocol.wire import encode_event, stored_event

RUNS = json.loads((Path(__file__).parent.parent / "fixtures" / "runs.json").read_text())


def decoded(raw: object) -> RunEvent:
    event = stored_event(raw)
    assert isinstance(event, UnknownEvent)
    run_event = run_event_from_wire(event)
    assert run_event is not None
    return run_event


def said(state: RunState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "status": state.status,
        "source_id": state.source.id,
        "steps": msgspec.to_builtins(state.steps),
        "end_id": state.end.event_id if state.end is not None else None,
        "cancel_requested": state.cancel_requested,
    }


@pytest.mark.parametrize("golden", [pytest.param(run, id=run["name"]) for run in RUNS])
def test_a_fold_of_the_golden_events_gives_the_golden_run(golden: dict[str, Any]) -> None:
    state = fold_run(decoded(raw) for raw in golden["events"])

    assert json.loads(msgspec.json.encode(said(state))) == golden["run"]


def test_a_run_event_passes_through_the_protocol_unchanged() -> None:
    event = new_run_event("run-1", RunTaskStarted, task_id="t", task_name="note", agent_role="W")

    on_the_wire = json.loads(encode_event(run_event_to_wire(event)))

    assert on_the_wire["type"] == "run_task_started"
    assert on_the_wire["execution_id"] == "run-1"
    assert "offset" not in on_the_wire
    assert decoded(on_the_wire) == event


def test_a_broken_run_event_is_none() -> None:
    broken = UnknownEvent(type="run_failed", event_id="e", timestamp=datetime.now(timezone.utc))

    assert run_event_from_wire(broken) is None


def test_no_run_event_is_a_request_event() -> None:
    """To a server they are types that it does not know."""
    assert not set(RUN_TYPES) & set(KNOWN_TYPES)
