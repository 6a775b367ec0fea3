"""Crews of this process whose agent calls tools, in both ways that crewAI has.

The native way goes through an OpenAI-compatible model on loopback, the ReAct way through a
scripted one that speaks text. Both get the same script: tool calls, then a last word.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from crewai import LLM, Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from crewai.tools import BaseTool
from pydantic import Field, PrivateAttr

import crewai_hitl_nb as hitl
from tests.kernel.stub_model import calls, says, stub_model

Call = tuple[str, dict[str, Any]]
WAYS = ("native", "react")


class ReActLLM(BaseLLM):
    """Speaks its lines in turn, the last one again and again."""

    lines: list[str] = Field(default_factory=list)
    _heard: list[str] = PrivateAttr(default_factory=list)

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        """Return the next line."""
        said = [str(message.get("content") or "") for message in messages]
        self._heard.append("\n".join(said))
        return self.lines.pop(0) if len(self.lines) > 1 else self.lines[0]

    def supports_function_calling(self) -> bool:
        """Say no: it speaks text only."""
        return False


@dataclass
class Running:
    """A crew at work.

    Attributes:
        crew: The crew.
        heard: Returns what the model was told in each of its calls so far.
        result: Of the run; set by :func:`started`.
    """

    crew: Crew
    heard: Callable[[], list[str]]
    result: "Future[str]" = field(default_factory=Future)


@contextmanager
def tool_crew(
    way: str, script: Sequence[Call], *tools: BaseTool, at_once: bool = False, **agent: Any
) -> Iterator[Running]:
    """Make a crew whose model makes these tool calls in turn, then says "Done".

    With `at_once` the model makes them all in one reply, which only the native way can.
    """
    if way == "react":
        lines = [
            f"Thought: I use it.\nAction: {name}\nAction Input: {json.dumps(arguments)}"
            for name, arguments in script
        ]
        react = ReActLLM(model="scripted", lines=[*lines, "Thought: I know\nFinal Answer: Done"])
        yield Running(_crew(react, tools, agent), lambda: react._heard)
        return
    replies = [calls(*script)] if at_once else [calls(call) for call in script]
    with stub_model(*replies, says("Done")) as model:
        native = LLM(model="openai/stub", base_url=model.url, api_key="x")
        crew = _crew(native, tools, agent)
        yield Running(crew, lambda: [json.dumps(r["messages"]) for r in model.requests])


@contextmanager
def started(running: Running) -> Iterator[Running]:
    """Kick the crew off on a thread of its own; the block's end waits for its end."""
    with ThreadPoolExecutor(1) as pool:
        running.result = pool.submit(lambda: str(running.crew.kickoff()))
        try:
            yield running
        except BaseException:
            hitl.disable()  # a crew that waits for the failed test would wait for ever
            raise


def _crew(llm: Any, tools: Sequence[BaseTool], options: dict[str, Any]) -> Crew:
    agent = Agent(
        role="Keeper", goal="Keep order", backstory="Keeps", llm=llm, tools=list(tools), **options
    )
    task = Task(name="tidy", description="Tidy up", expected_output="Order", agent=agent)
    return Crew(name="Keepers", agents=[agent], tasks=[task])
