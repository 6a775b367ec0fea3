"""The examples of three pages (kernel, endings, background-runs) do what the pages say."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel import is_enabled
from crewai_hitl_nb.protocol.events import HumanInputCompleted
from tests.jupyter_process import REPOSITORY, JupyterProcess
from tests.kernel.background import make_crew
from tests.kernel.conftest import next_question, wait_until_closed
from tests.test_docs import code_blocks


@pytest.fixture(autouse=True)
def named_server(
    server: JupyterProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The server in the environment, as a person would name it."""
    monkeypatch.setenv("CREWAI_STORAGE_DIR", str(tmp_path / "crewai"))
    monkeypatch.setenv("CREWAI_HITL_URL", server.prefix)
    monkeypatch.setenv("CREWAI_HITL_TOKEN", server.token)
    yield
    hitl.disable()


def example(page: str, needle: str, **replaced: str) -> dict[str, Any]:
    """Run the page's example that has this in it, and return its names."""
    blocks = code_blocks(REPOSITORY / "docs" / page, "python")
    (block,) = [block for block in blocks if needle in block]
    for old, new in replaced.items():
        block = block.replace(PLACES[old], new)
    names: dict[str, Any] = {"__name__": "example"}
    exec(block, names)
    return names


PLACES = {"url": "http://127.0.0.1:8888/crewai-hitl/", "token": "the token"}


def test_one_line_turns_the_bridge_on_and_any_program_answers(
    server: JupyterProcess, client: Client
) -> None:
    example("kernel.md", "hitl.enable()  # or: %load_ext")
    assert is_enabled()
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(make_crew().kickoff)
        next_question(client)
        example("kernel.md", "with hitl.Client(", url=server.prefix, token=server.token)
        again = next_question(client)
        client.answer(again.request_id)

    assert again.round == 2
    assert "Shorter, please" in str(result.result())


def test_the_most_specific_times_apply(client: Client) -> None:
    names = example("endings.md", "def publish_unless_somebody_objects")
    crew = make_crew()
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(names["publish_unless_somebody_objects"], crew, crew.tasks[0])
        question = next_question(client)
        client.answer(question.request_id, decision="approve")
        result.result()

    assert question.expires_at is not None
    assert question.remind_at is not None
    assert (question.expires_at - question.timestamp).total_seconds() == 600
    assert (question.remind_at - question.timestamp).total_seconds() == 3600
    assert question.response.on_expiry == "default"


def test_the_default_is_the_answer_if_nobody_answers_before_the_deadline(client: Client) -> None:
    hitl.enable(timeout=1)
    crew = make_crew()
    hitl.annotate(crew.tasks[0], on_expiry="default", default={"decision": "approve"})
    result = crew.kickoff()
    asked = client.requests()[-1]
    closing = wait_until_closed(client, asked.request_id).completion

    assert "# A note on tea" in str(result)
    assert isinstance(closing, HumanInputCompleted)
    assert closing.answered_by is not None
    assert (closing.decision, closing.answered_by.name) == ("approve", "default")


def test_a_run_in_the_background_is_answered_and_gives_its_result(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    names = example("background-runs.md", "def run_in_the_background")
    with ThreadPoolExecutor(1) as pool:
        printed = pool.submit(names["run_in_the_background"], make_crew())
        client.answer(next_question(client).request_id, decision="approve")
        printed.result()

    assert "# A note on tea" in capsys.readouterr().out
