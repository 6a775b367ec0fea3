"""What a cell or a script shows when asking ends with an error: the user's own lines."""

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.tracebacks import short_traceback
from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import next_question
from tests.kernel.crews import AKICKOFF, KICKOFF
from tests.kernel.running_kernel import Cell, RunningKernel

ASK = "def decide():\n    return hitl.ask('Well?')\ndecide()"
ASK_ASYNC = "async def decide():\n    return await hitl.ask_async('Well?')\nawait decide()"

BROKEN_CREW = """\
from scripted_llm import ScriptedLLM
class Broken(ScriptedLLM):
    def call(self, *args, **kwargs):
        raise RuntimeError('the model is away')
llm = Broken(model='m')
agent = Agent(role='W', goal='g', backstory='b', llm=llm, max_retry_limit=0)
task = Task(description='d', expected_output='e', agent=agent)
"""


def shown(cell: Cell) -> str:
    """Return the cell's traceback without colours."""
    (error,) = [output for output in cell.outputs if output["output_type"] == "error"]
    return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error["traceback"]))


def files(traceback: str) -> list[str]:
    """Return the files that a cell's traceback names; cells are none."""
    return re.findall(r"^File (\S+?):\d+, in", traceback, re.MULTILINE)


@pytest.mark.parametrize("code", [KICKOFF, AKICKOFF, ASK, ASK_ASYNC])
def test_a_cancelled_question_shows_only_the_users_lines(
    kernel: RunningKernel, client: Client, code: str
) -> None:
    cell = kernel.begin(code)
    client.cancel(next_question(client).request_id)
    text = shown(cell.finish())
    assert files(text) == []
    assert "Cell In[" in text
    assert "NotAnswered: the request for human input was cancelled (withdrawn)" in text


@pytest.mark.parametrize("code", [KICKOFF, AKICKOFF, ASK, ASK_ASYNC])
def test_an_interrupt_shows_only_the_users_lines(
    kernel: RunningKernel, client: Client, code: str
) -> None:
    cell = kernel.begin(code)
    next_question(client)
    kernel.interrupt()
    text = shown(cell.finish())
    assert files(text) == []
    assert "Cell In[" in text


def test_a_wrong_argument_shows_only_the_users_line(kernel: RunningKernel) -> None:
    for code in ("hitl.ask('')", "hitl.approve_tools([])", "hitl.enable(timeout='soon')"):
        assert files(shown(kernel.begin(code).finish())) == [], code


def test_an_error_of_the_users_own_model_keeps_the_way_to_it(kernel: RunningKernel) -> None:
    kernel.run(BROKEN_CREW)
    text = shown(kernel.begin("Crew(agents=[agent], tasks=[task]).kickoff()").finish())
    assert not [file for file in files(text) if "crewai_hitl_nb" in file]
    assert [file for file in files(text) if "/crewai/" in file]
    assert "raise RuntimeError('the model is away')" in text


def test_an_error_that_forbids_attributes_stays_the_users_own(kernel: RunningKernel) -> None:
    code = (
        "from dataclasses import dataclass\n"
        "from crewai_hitl_nb.tracebacks import short_traceback\n"
        "@dataclass(frozen=True)\n"
        "class Refused(KeyboardInterrupt):\n"
        "    why: str\n"
        "@short_traceback\n"
        "def refuse():\n"
        "    raise Refused('no')\n"
        "refuse()"
    )
    cell = kernel.begin(code).finish()
    assert cell.error is not None
    assert cell.error[0] == "Refused"


def test_a_result_taken_again_shows_only_the_line_that_takes_it(kernel: RunningKernel) -> None:
    kernel.run(f"{BROKEN_CREW}run = hitl.start(Crew(agents=[agent], tasks=[task]))")
    texts = [shown(kernel.begin(f"run.result()  # try {n}").finish()) for n in (1, 2, 3)]
    assert "try 3" in texts[2]
    assert "try 1" not in texts[2]
    assert len(texts[2].splitlines()) <= len(texts[0].splitlines()) + 1


def test_a_script_shows_its_own_line_and_one_of_ours(
    server: JupyterProcess, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text("import crewai_hitl_nb as hitl\nhitl.ask('', timeout=5)\n")
    run = subprocess.run(
        [sys.executable, script], env=server.env, capture_output=True, text=True, check=False
    )
    places = re.findall(r'File "(.+?)", line (\d+)', run.stderr)
    assert [Path(file).name for file, _ in places] == ["script.py", "tracebacks.py"]
    assert run.stderr.endswith("ValueError: prompt is blank; it must contain the question\n")


def test_a_mistake_of_this_package_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import traceback

    from crewai_hitl_nb.protocol import arguments

    def broken(*_: object) -> str:
        return arguments.text.no_such_name  # type: ignore[attr-defined, no-any-return]

    broken.__code__ = broken.__code__.replace(co_filename=str(Path(arguments.__file__)))
    with pytest.raises(AttributeError) as caught:
        short_traceback(broken)()
    assert "arguments.py" in "".join(traceback.format_tb(caught.value.__traceback__))


def test_an_error_that_the_caller_handles_keeps_its_own_traceback() -> None:
    import json
    import traceback

    @short_traceback
    def refuse() -> None:
        raise KeyboardInterrupt

    def lines(error: BaseException) -> list[str]:
        return traceback.format_tb(error.__traceback__)

    def handle() -> tuple[list[str], list[str]]:
        try:
            json.loads("{")
        except ValueError as mine:
            before = lines(mine)
            with suppress(KeyboardInterrupt):
                refuse()
            return before, lines(mine)
        return [], []

    before, after = handle()
    assert before == after != []


def test_with_debug_logs_the_traceback_is_complete(kernel: RunningKernel) -> None:
    level = "import logging; logging.getLogger('crewai_hitl_nb').setLevel(logging.{})"
    kernel.run(level.format("DEBUG"))
    text = shown(kernel.begin("hitl.ask('')").finish())
    kernel.run(level.format("NOTSET"))
    assert [file for file in files(text) if "crewai_hitl_nb" in file]
