"""Crews and flows for runs in the background, and what the log says of such a run."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

from crewai import Agent, Crew, Task
from crewai.flow.flow import Flow, listen, start
from pydantic import PrivateAttr

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.events import UnknownEvent
from crewai_hitl_nb.protocol.runs import (
    RUN_TYPES,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunFinished,
    RunPaused,
    run_event_from_wire,
    type_of,
)
from tests.jupyter_process import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "notebooks"))
from scripted_llm import ScriptedLLM

ENDS = (RunFinished, RunFailed, RunCancelled, RunPaused)


def make_crew(*descriptions: str, human_input: bool = True, llm: Any = None) -> Crew:
    """Return a crew with one task for each description."""
    model = llm or ScriptedLLM(model="scripted")
    agent = Agent(role="Writer", goal="Be brief", backstory="Writes", llm=model)
    tasks = [
        Task(
            name=f"note {number}",
            description=description,
            expected_output="A short note",
            agent=agent,
            human_input=human_input,
        )
        for number, description in enumerate(descriptions or ("A note on tea",), start=1)
    ]
    return Crew(name="Notes", agents=[agent], tasks=tasks)


def failing_crew(cause: BaseException | None = None) -> Crew:
    """Return a crew whose run fails: the note is too long."""

    def break_down(output: Any) -> None:
        raise ValueError("the note is too long") from cause

    crew = make_crew(human_input=False)
    crew.tasks[0].callback = break_down
    return crew


class BusyLLM(ScriptedLLM):
    """A model that takes its time: it answers when it is let go."""

    _called: threading.Event = PrivateAttr(default_factory=threading.Event)
    _let_go: threading.Event = PrivateAttr(default_factory=threading.Event)

    def call(self, *args: Any, **kwargs: Any) -> str:
        """Wait, then answer."""
        self._called.set()
        assert self._let_go.wait(60)
        return str(super().call(*args, **kwargs))

    def await_call(self) -> None:
        """Wait until it is called."""
        assert self._called.wait(60)

    def let_go(self) -> None:
        """Let it answer."""
        self._let_go.set()


class Notebooks(Flow[Any]):
    """Two methods, the first with a crew that asks."""

    @start()
    def draft(self) -> str:
        """Have a note written."""
        return str(make_crew().kickoff())

    @listen(draft)
    async def send(self, note: str) -> dict[str, str]:
        """Return the note as data."""
        return {"note": note}


def told(
    client: Client, execution_id: str, until: tuple[type[RunEvent], ...] | type[RunEvent] = ENDS
) -> Iterator[RunEvent]:
    """Yield what a run tells, from its beginning to its end."""
    for event in client.events(execution_id, types=list(RUN_TYPES), replay="all"):
        run_event = run_event_from_wire(event) if isinstance(event, UnknownEvent) else None
        if run_event is None:
            continue
        yield run_event
        if isinstance(run_event, until):
            return


def types_told(client: Client, execution_id: str) -> list[str]:
    """Return the types of what a run tells, from its beginning to its end."""
    return [type_of(event) for event in told(client, execution_id)]
