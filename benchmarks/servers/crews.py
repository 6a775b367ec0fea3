"""Runs real crews on a scripted model and times each: ``crews.py URL KEY``.

It reads ``FORM COUNT`` lines and writes a line of JSON for each: of so many kickoffs the
milliseconds by the clock, and those of this process's own work. The forms: ``quiet`` asks nobody,
``console`` is reviewed by crewAI's own prompt, which reads a blank line at once; ``quiet-on`` and
``bridged`` are the same two while the bridge is enabled.
"""

import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Iterator

from crewai import Agent, Crew, Task
from scripted_llm import ScriptedLLM

import crewai_hitl_nb as hitl

FIRST = 3
"""Kickoffs that come before those that count: the bridge connects meanwhile."""


def _crew(*, human_input: bool) -> Crew:
    llm = ScriptedLLM(model="scripted")
    agent = Agent(role="Writer", goal="Be brief", backstory="Writes", llm=llm)
    task = Task(
        description="A note on tea",
        expected_output="A short note",
        agent=agent,
        human_input=human_input,
    )
    return Crew(name="Notes", agents=[agent], tasks=[task])


@contextlib.contextmanager
def _bridge(url: str, key: str, *, on: bool) -> Iterator[None]:
    if not on:
        yield
        return
    hitl.enable(url, key)
    try:
        yield
    finally:
        hitl.disable()


def _kickoffs(count: int, *, human_input: bool) -> list[tuple[float, float]]:
    times = []
    for _ in range(FIRST + count):
        crew = _crew(human_input=human_input)
        sys.stdin = io.StringIO("\n")
        began, worked = time.perf_counter(), time.process_time()
        crew.kickoff()
        took = time.perf_counter() - began, time.process_time() - worked
        times.append((1000 * took[0], 1000 * took[1]))
    return times[FIRST:]


def main(url: str, key: str) -> None:
    """Obey until the input ends."""
    commands, replies = sys.stdin, os.fdopen(os.dup(1), "w")
    for line in commands:
        form, count = line.split()
        with _bridge(url, key, on=form in ("quiet-on", "bridged")):
            times = _kickoffs(int(count), human_input=form in ("console", "bridged"))
        print(json.dumps(times), file=replies, flush=True)


if __name__ == "__main__":
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # crewAI talks
        main(*sys.argv[1:])
