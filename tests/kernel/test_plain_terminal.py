"""A script at a terminal without any server: crewAI's console asks, as it always did."""

from collections.abc import Iterator

import pytest

from tests.jupyter_process import scratch_env
from tests.kernel.script_terminal import END, ScriptAtATerminal, script_at_a_terminal

KICKOFF = "print('result:', make_crew().kickoff())"
AKICKOFF = "import asyncio; print('result:', asyncio.run(make_crew().akickoff()))"
PANEL = ("Human Feedback Required", "╯")
"""Its title and its end: what is typed in the middle would be echoed in the middle."""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptAtATerminal]:
    folder = tmp_path_factory.mktemp("terminal")
    with script_at_a_terminal(folder, scratch_env(folder)) as script:
        script.run("hitl.enable()")
        yield script


def asked_twice(script: ScriptAtATerminal, kickoff: str) -> str:
    """Ask for a change, then accept; return what was on the screen after that."""
    script.begin(kickoff)
    script.expect(*PANEL)
    script.type("Shorter")
    script.expect(*PANEL)
    script.type("")
    return script.expect("<ended: well>")


def test_each_round_is_asked_by_crewai_until_a_blank_line_accepts(
    script: ScriptAtATerminal,
) -> None:
    seen = asked_twice(script, KICKOFF)

    assert "- Shorter" in seen
    assert "Press Enter to accept the result" not in seen  # our own console keeps quiet


def test_the_end_of_input_is_no_approval_in_crewai_either(script: ScriptAtATerminal) -> None:
    script.begin(KICKOFF)
    for _ in range(3):  # crewAI runs the agent again after an error, twice
        script.expect(*PANEL)
        script.screen.send(END)

    assert "result:" not in script.expect("<ended: EOFError")


def test_the_end_of_input_is_no_approval_on_a_loop(script: ScriptAtATerminal) -> None:
    """crewAI alone treats it as a blank line there, and that as acceptance."""
    script.begin(AKICKOFF)
    for _ in range(3):
        script.expect(*PANEL)
        script.screen.send(END)

    assert "result:" not in script.expect("<ended: EOFError")


def test_control_c_ends_the_crew(script: ScriptAtATerminal) -> None:
    script.begin(KICKOFF)
    script.expect(*PANEL)
    script.interrupt_reading()

    assert "result:" not in script.expect("<ended: KeyboardInterrupt")


def test_each_round_is_asked_on_a_loop_as_well(script: ScriptAtATerminal) -> None:
    assert "- Shorter" in asked_twice(script, AKICKOFF)


AN_HOUR_AT_EACH_LINE = """\
import builtins, types
from crewai_hitl_nb.kernel.runs import stopwatch

clock, read, real = [0.0], builtins.input, stopwatch.time

def slowly(*args):
    clock[0] += 3600
    return read(*args)

crew = make_crew()
crew.agents[0].max_execution_time = 60
builtins.input = slowly
stopwatch.time = types.SimpleNamespace(monotonic=lambda: clock[0])
try:
    print("result:", crew.kickoff())
finally:
    builtins.input, stopwatch.time = read, real
"""


def test_a_persons_time_at_the_console_is_not_the_agents(script: ScriptAtATerminal) -> None:
    assert "- Shorter" in asked_twice(script, AN_HOUR_AT_EACH_LINE)
