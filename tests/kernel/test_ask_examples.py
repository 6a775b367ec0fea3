"""The example of docs/ask-a-person.md does what the page says."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from crewai_hitl_nb.client import Client
from tests.jupyter_process import REPOSITORY
from tests.kernel.conftest import next_question
from tests.test_docs import code_blocks

pytestmark = pytest.mark.usefixtures("bridge")


def example() -> dict[str, Any]:
    """Run the page's example and return its names."""
    (block,) = code_blocks(REPOSITORY / "docs" / "ask-a-person.md", "python")
    names: dict[str, Any] = {"__name__": "example"}
    exec(block, names)
    return names


def answered_in_turn(client: Client, call: Any, answers: list[dict[str, Any]]) -> None:
    """Call on a thread and answer what it asks."""
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(call)
        for answer in answers:
            client.answer(next_question(client).request_id, **answer)
        result.result()


def test_code_asks_for_options_a_form_and_a_reason(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    names = example()
    answers: list[dict[str, Any]] = [
        {"options": ("orders_2024",)},
        {"options": ("id", "total")},
        {"values": {"rows": 5, "start": "2026-11-22"}},
        {"human_feedback": "Because"},
    ]
    answered_in_turn(client, names["plan"], answers)

    assert capsys.readouterr().out.endswith("['id', 'total'] 5 Because\n")
