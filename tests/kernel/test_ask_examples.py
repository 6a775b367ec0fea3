"""The examples of docs/ask-a-person.md do what the page says."""

from concurrent.futures import ThreadPoolExecutor
from datetime import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.errors import FieldError
from tests.jupyter_process import REPOSITORY
from tests.kernel.conftest import next_question
from tests.test_docs import code_blocks

pytestmark = pytest.mark.usefixtures("bridge")


def example(examples: int = 1) -> dict[str, Any]:
    """Run the page's first examples, one after the other, and return their names."""
    blocks = code_blocks(REPOSITORY / "docs" / "ask-a-person.md", "python")
    names: dict[str, Any] = {"__name__": "example"}
    for block in blocks[:examples]:
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


def test_a_model_with_rows_is_asked_again_until_its_validator_agrees(client: Client) -> None:
    route = example(3)["route"]
    first, second = (
        {"city": "Bern", "fare": "7.10"},
        {"city": "Atlantis", "fare": "9", "platform": 4},
    )
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(route)
        client.answer(next_question(client).request_id, values={"stops": [first, second]})
        again = next_question(client)
        assert again.response.errors == (FieldError("values.stops.1.city", "no train goes there"),)
        assert again.response.schema is not None
        assert again.response.schema["properties"]["stops"]["default"] == [first, second]
        client.answer(again.request_id, values={"stops": [first, {**second, "city": "Basel"}]})
        trip = result.result()

    assert [(stop.city, str(stop.fare), stop.platform) for stop in trip.stops] == [
        ("Bern", "7.10", None),
        ("Basel", "9", 4),
    ]
    assert trip.stops[0].at == time(2, 30)


def test_a_frame_is_corrected_and_another_entered(client: Client) -> None:
    pandas = pytest.importorskip("pandas")
    names = example(4)
    seats = pandas.DataFrame({"car": ["a", "b"], "free": [3, 4]})
    for call, rows in [
        (lambda: names["corrected"](seats), [{"car": "a", "free": 2}]),
        (names["entered"], [{"city": "Bern", "fare": 7.1}]),
    ]:
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(call)
            client.answer(next_question(client).request_id, values={"rows": rows})
            assert result.result().to_dict("records") == rows


def test_the_approved_rows_are_paid(client: Client) -> None:
    pandas = pytest.importorskip("pandas")
    paid = example(5)["paid"]
    rows = [{"decision": "reject", "reason": "Twice"}, {"decision": "approve"}]
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(paid, pandas.DataFrame({"id": [1, 2]}))
        client.answer(next_question(client).request_id, values={"rows": rows})
        assert result.result() == [{"id": 2}]


def test_code_asks_about_two_tables_and_a_note(client: Client) -> None:
    pandas = pytest.importorskip("pandas")
    check = example(2)["check"]
    orders, refunds = pandas.DataFrame({"n": [1, 2]}), pandas.DataFrame({"n": [3]})
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(check, orders, refunds)
        question = next_question(client)
        client.answer(question.request_id, human_feedback="The orders")
        assert result.result() == "The orders"

    assert set(question.attachments) == {"table-1", "table-2"}
    assert "The *last* week is **not** closed." in question.context


def test_a_claim_comes_with_its_receipt_and_the_rules_are_shown(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = example(6)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "receipts").mkdir()
    (tmp_path / "rules.txt").write_text("Keep it short.")
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(names["reimburse"], tmp_path / "rules.txt")
        question = next_question(client)
        (rules,) = question.attachments["file-1"].values()
        assert client.download(question.request_id, rules["sha256"]) == b"Keep it short."
        receipt = client.upload(question.request_id, b"%PDF", name="taxi.pdf")
        values = {"amount": "12.50", "receipt": msgspec.to_builtins(receipt)}
        client.answer(question.request_id, values=values)
        assert str(result.result().amount) == "12.50"

    assert (tmp_path / "receipts" / "taxi.pdf").read_bytes() == b"%PDF"


def test_a_file_alone_is_read_as_text(client: Client) -> None:
    total = example(6)["total"]
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(total, "May")
        question = next_question(client)
        orders = client.upload(question.request_id, b"id,total\n1,2.5\n2,4\n", name="may.csv")
        client.answer(question.request_id, values={"file": msgspec.to_builtins(orders)})
        assert result.result() == 6.5
