"""A data frame is edited in a form and comes back with the types of its columns."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

import pytest

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.ask.forms import WrongValues
from crewai_hitl_nb.kernel.ask.frames import EditedFrame
from crewai_hitl_nb.protocol.errors import FieldError, InvalidAnswer
from crewai_hitl_nb.protocol.form_values import form_errors
from crewai_hitl_nb.protocol.schema import check_form
from tests.kernel.conftest import next_question
from tests.kernel.test_forms import answered

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")


def pandas_frame() -> Any:
    frame = pandas.DataFrame(
        {
            "n": pandas.Series([1, 2], dtype="int8"),
            "maybe": pandas.Series([1, None], dtype="Int64"),
            "fare": [1.5, None],
            "late": [True, False],
            "city": ["Bern", None],
            "level": pandas.Categorical(["low", "high"], ["low", "high"], ordered=True),
            "size": pandas.Categorical([1, 2]),
            "at": pandas.to_datetime(["2026-05-01T10:00:00.123456789", None]),
            "sent": pandas.to_datetime(["2026-05-01T10:00Z", None]).tz_convert("Europe/Rome"),
            "price": pandas.Series([Decimal("12.50"), None], dtype="object"),
            "day": pandas.Series([date(2026, 5, 1), None], dtype="object"),
            "wake": pandas.Series([time(2, 30), None], dtype="object"),
            "mixed": pandas.Series([1, "two"], dtype="object"),
            7: ["a", "b"],
        },
    )
    frame.index = pandas.Index(["x", "y"], name="key")
    frame.columns.name = "what"
    return frame


def polars_frame() -> Any:
    return polars.DataFrame(
        {
            "n": [1, 2],
            "fare": [1.5, None],
            "late": [True, None],
            "city": ["Bern", None],
            "level": ["low", None],
            "at": [datetime(2026, 5, 1, 10), None],
            "sent": [datetime(2026, 5, 1, 10, tzinfo=timezone.utc), None],
            "price": [Decimal("12.50"), None],
            "day": [date(2026, 5, 1), None],
            "wake": [time(2, 30), None],
        },
        schema_overrides={"n": polars.UInt8, "level": polars.Enum(["low", "high"])},
    )


def edited(frame: Any) -> tuple[EditedFrame, dict[str, Any], list[dict[str, Any]]]:
    """Return a frame's answer type, its form and the rows that it shows."""
    wanted = EditedFrame.of(frame)
    form = wanted.response().schema
    assert form is not None
    check_form(form)
    rows: list[dict[str, Any]] = form["properties"]["rows"]["default"]
    return wanted, form, rows


@pytest.mark.parametrize("make", [pandas_frame, polars_frame])
def test_a_frame_that_nobody_changes_comes_back_the_same(make: Callable[[], Any]) -> None:
    wanted, form, rows = edited(make())
    assert form_errors(form, {"rows": rows}) == ()
    back = wanted.read(answered({"rows": rows}))

    if make is pandas_frame:
        pandas.testing.assert_frame_equal(back, make())
    else:
        assert back.schema == make().schema
        assert back.equals(make())


def test_a_part_of_a_frame_keeps_its_index() -> None:
    part = pandas.DataFrame({"a": range(1000)}).iloc[500:503]
    wanted, form, rows = edited(part)
    assert form_errors(form, {"rows": rows}) == ()
    pandas.testing.assert_frame_equal(wanted.read(answered({"rows": rows})), part)
    assert list(wanted.read(answered({"rows": rows[1:]})).index) == [501, 502]


def test_rows_are_changed_added_and_removed_and_the_types_stay() -> None:
    for make in (pandas_frame, polars_frame):
        wanted, form, rows = edited(make())
        new = {**rows[0], "n": 9, "fare": None, "level": "high"}
        assert form_errors(form, {"rows": [rows[1], new]}) == ()
        back = wanted.read(answered({"rows": [rows[1], new]}))
        assert list(back["n"]) == [2, 9]
        assert list(back["level"])[1] == "high"
        assert str(back["n"].dtype).lower() == ("int8" if make is pandas_frame else "uint8")
        assert back["at"].dtype == make()["at"].dtype
        empty = wanted.read(answered({"rows": []}))
        assert len(empty) == 0
        assert list(empty.columns) == list(make().columns)


def test_a_cell_that_does_not_fit_is_named() -> None:
    wanted, form, rows = edited(pandas_frame())
    wrong = [{**rows[0], "n": 300, "late": None, "price": "much"}, rows[1]]
    assert {error.field: error.message for error in form_errors(form, {"rows": wrong})} == {
        "values.rows.0.n": "must be at most 127",
        "values.rows.0.late": "is required",
        "values.rows.0.price": "must be a decimal number, such as `12.50`",
    }

    with pytest.raises(WrongValues) as refusal:
        wanted.read(answered({"rows": [rows[0], {**rows[1], "size": 3}]}))
    assert refusal.value.errors[0].field == "rows.1.size"
    with pytest.raises(WrongValues) as refusal:
        wanted.read(answered({"rows": [rows[0], {**rows[1], "at": "2026-05-01T10:00Z"}]}))
    (error,) = refusal.value.errors
    assert error.field == "rows.1.at"
    again = wanted.refilled(answered({"rows": rows}), (error,)).response()
    assert again.errors == (FieldError("values.rows.1.at", error.message),)


@pytest.mark.parametrize(
    ("series", "value"),
    [
        (pandas.Series([1], dtype="float32"), 1e300),
        (pandas.Series([1], dtype="float16"), 1e6),
        (pandas.Series([datetime(2026, 5, 1)], dtype="datetime64[s]"), "2026-05-01T10:00:00.7"),
        (polars.Series([1], dtype=polars.Float32), 1e300),
        (polars.Series([Decimal("1.10")]), "1.555"),
        (polars.Series([Decimal("1.10")]), "1e40"),
        (polars.Series([Decimal("1.10")]), "1e9999"),
        (polars.Series([datetime(2026, 5, 1)]), "2026-05-01T10:00+05:00"),
        (polars.Series([time(10)]), "10:00+00:00"),
    ],
)
def test_a_value_that_its_column_would_change_is_refused(series: Any, value: Any) -> None:
    library = pandas if isinstance(series, pandas.Series) else polars
    wanted, form, rows = edited(library.DataFrame({"a": series}))
    answer = {"rows": [*rows, {"a": value}]}
    assert form_errors(form, answer) == ()
    with pytest.raises(WrongValues) as refusal:
        wanted.read(answered(answer))
    (error,) = refusal.value.errors
    assert error == FieldError("rows.1.a", f"does not fit the column's type, {series.dtype}")


def test_a_whole_number_may_have_a_decimal_point() -> None:
    for library in (pandas, polars):
        wanted, form, _ = edited(library.DataFrame({"a": [1]}))
        assert form_errors(form, {"rows": [{"a": 5.0}]}) == ()
        assert list(wanted.read(answered({"rows": [{"a": 5.0}]}))["a"]) == [5]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pandas.DataFrame({"a": range(1200)}), "1,200 rows; a person can edit at most 200"),
        (pandas.DataFrame({f"c{n}": [1] for n in range(120)}), "120 columns"),
        (polars.DataFrame({f"c{n}": range(150) for n in range(50)}), "7,500 cells"),
        (pandas.DataFrame({"a": [[1], [2]]}), "column 'a' holds values of type list"),
        (polars.DataFrame({"a": [[1]]}), "column 'a' holds values of type List"),
        (pandas.DataFrame({"a": [2**60]}), "column 'a', row 1: a browser cannot send"),
        (pandas.DataFrame({"a": [1.0, float("inf")]}), "column 'a', row 2"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "two columns"),
        (pandas.DataFrame(), "no columns"),
        (pandas.DataFrame({"n" * 201: [1]}), "a name can have at most 200 characters"),
        (pandas.DataFrame({"a": ["x" * 5000] * 200}), "bytes, more than the 524,288"),
    ],
)
def test_a_frame_that_nobody_could_edit_is_refused(frame: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        EditedFrame.of(frame)


@pytest.mark.parametrize(
    ("columns", "rows", "dtypes"),
    [
        (["a", "b"], [{"a": "x", "b": "y"}], ["str", "str"]),
        (
            {"day": date, "fare": Decimal, "n": int},
            [{"day": "2026-05-01", "fare": "1.50", "n": 3}],
            ["object", "object", "int64"],
        ),
    ],
)
def test_named_columns_are_filled_from_nothing(
    columns: Any, rows: list[dict[str, Any]], dtypes: list[str]
) -> None:
    wanted, form, shown = edited(columns)
    assert shown == []
    assert form_errors(form, {"rows": rows}) == ()
    back = wanted.read(answered({"rows": rows}))
    assert [str(dtype) for dtype in back.dtypes] == dtypes
    assert list(back.columns) == list(columns)


@pytest.mark.usefixtures("bridge")
def test_code_asks_for_a_frame_and_gets_it_as_a_person_edited_it(client: Client) -> None:
    frame = pandas.DataFrame({"city": ["Bern", "Basel"], "seats": [10, 20]})
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(hitl.ask, "How many seats?", schema=frame)
        question = next_question(client)
        rows: list[dict[str, Any]] = [
            {"city": "Bern", "seats": 12},
            {"city": "Chur", "seats": None},
        ]
        with pytest.raises(InvalidAnswer, match=r"values\.rows\.1\.seats`: is required"):
            client.answer(question.request_id, values={"rows": rows})
        rows[1]["seats"] = 5
        client.answer(question.request_id, values={"rows": rows})
        back = result.result()

    expected = pandas.DataFrame({"city": ["Bern", "Chur"], "seats": [12, 5]})
    pandas.testing.assert_frame_equal(back, expected)
