"""Rows are approved or rejected one by one, and nothing else than a decision approves one."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.ask.row_decisions import RowByRow
from crewai_hitl_nb.protocol.form_values import form_errors
from crewai_hitl_nb.protocol.schema import check_form
from tests.kernel.conftest import next_question
from tests.kernel.test_forms import answered


@dataclass
class Refund:
    """What somebody wants back."""

    customer: str
    amount: float


REFUNDS = [Refund("Ada", 12.5), Refund("Bo", 900)]


def form_of_rows(rows: Any) -> tuple[RowByRow, dict[str, Any]]:
    wanted = RowByRow(rows)
    form = wanted.response().schema
    assert form is not None
    check_form(form)
    return wanted, form


@pytest.mark.usefixtures("bridge")
def test_each_row_comes_back_with_its_decision(client: Client) -> None:
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(hitl.ask, "Pay these?", rows=REFUNDS)
        question = next_question(client)
        said = [
            {"customer": "Ada", "amount": "12.5", "decision": "approve"},
            {"decision": "reject", "reason": "Too much"},
        ]
        client.answer(question.request_id, values={"rows": said})
        decisions = result.result()

    assert decisions == [
        hitl.RowDecision(REFUNDS[0], approved=True),
        hitl.RowDecision(REFUNDS[1], approved=False, reason="Too much"),
    ]
    assert decisions[0].row is REFUNDS[0]


def test_a_row_without_a_decision_is_named_and_no_row_is_left_out_or_replaced() -> None:
    _, form = form_of_rows(REFUNDS)
    approved = {"decision": "approve"}
    assert form_errors(form, {"rows": [approved, approved]}) == ()
    for rows, field, message in [
        ([approved, {}], "values.rows.1.decision", "is required"),
        ([approved, {"decision": "ok"}], "values.rows.1.decision", "must be one of"),
        ([approved], "values.rows", "must have at least 2 rows"),
        ([approved] * 3, "values.rows", "can have at most 2 rows"),
        (
            [{**approved, "customer": "Bo"}, approved],
            "values.rows.0.customer",
            "is only shown and cannot be changed",
        ),
    ]:
        (error,) = form_errors(form, {"rows": rows})
        assert error.field == field
        assert error.message.startswith(message)


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([{"id": 1, "reason": None}, {"id": 2, "tags": ["a"]}], ["id", "reason", "tags"]),
        (["one", "two"], ["row"]),
    ],
)
def test_any_rows_are_shown_in_columns_that_nobody_can_change(rows: Any, shown: list[str]) -> None:
    wanted, form = form_of_rows(rows)
    columns = form["properties"]["rows"]["items"]["properties"]
    assert [name for name, column in columns.items() if column.get("readOnly")] == shown
    decision, reason = [name for name in columns if name not in shown]
    said = [{decision: "reject", reason: "No"}, {decision: "approve"}]
    assert form_errors(form, {"rows": said}) == ()
    read = wanted.read(answered({"rows": said}))
    assert [(one.row, one.approved, one.reason) for one in read] == [
        (rows[0], False, "No"),
        (rows[1], True, ""),
    ]


def test_a_data_frame_is_decided_on_row_by_row() -> None:
    pandas = pytest.importorskip("pandas")
    wanted, _ = form_of_rows(pandas.DataFrame({"id": [1, 2]}))
    said = [{"decision": "approve"}, {"decision": "reject"}]
    read = wanted.read(answered({"rows": said}))
    assert [(one.row, one.approved) for one in read] == [({"id": 1}, True), ({"id": 2}, False)]


@pytest.mark.parametrize(
    ("index", "name"),
    [(["KEY", "OTHER"], None), ([5, 6], "order"), (range(500, 502), None)],
)
def test_the_index_of_a_frame_is_shown_and_returned(index: Any, name: str | None) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": [1, 2]}, index=pandas.Index(index, name=name))
    wanted, form = form_of_rows(frame)
    shown = form["properties"]["rows"]["default"]
    title = name or "index"
    assert shown == [{title: str(index[0]), "id": "1"}, {title: str(index[1]), "id": "2"}]
    read = wanted.read(answered({"rows": [{"decision": "approve"}] * 2}))
    assert [one.row for one in read] == [{title: index[0], "id": 1}, {title: index[1], "id": 2}]


def test_two_columns_that_would_be_shown_as_one_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    twice = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    mixed = pandas.DataFrame([[1, 2]], columns=[1, "1"])
    index = pandas.DataFrame({"a": [1]}, index=pandas.Index([5], name="a"))
    for rows in (twice, mixed, index, [{1: "a", "1": "b"}], [{True: 1, "true": 2}]):
        with pytest.raises(ValueError, match=r"the same .*; rename one"):
            RowByRow(rows)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no rows"),
        (range(201), "201 rows; a person can decide on at most 200"),
        ([{f"c{n}": n for n in range(99)}], "99 columns are too much"),
        ([{"n" * 201: 1}], "a name can have at most 200 characters"),
        ([{f"c{n}": "x" * 500 for n in range(21)}] * 200, "bytes, more than the 524,288"),
    ],
)
def test_rows_that_nobody_would_look_at_are_refused(rows: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RowByRow(rows)


def test_a_default_decides_on_each_row_explicitly() -> None:
    wanted, form = form_of_rows(REFUNDS)
    values = wanted.default([False, True])["values"]
    assert form_errors(form, values) == ()
    assert [one.approved for one in wanted.read(answered(values))] == [False, True]
    for wrong in (True, [True], "approve", [1, 1]):
        with pytest.raises(ValueError, match="2 True or False, one for each row"):
            wanted.default(wrong)
