"""Data frames as the context of a question: the table that travels, and what older readers see."""

import datetime as dt
import io
import json
from decimal import Decimal
from typing import Any

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.questions import tables
from crewai_hitl_nb.kernel.questions.rendering import as_markdown, rendered
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import DATA_RESOURCE
from tests.kernel.conftest import next_question
from tests.kernel.test_ask import asked

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")


def resource(frame: Any) -> dict[str, Any]:
    """Return the table that a question carries for a frame, as a reader decodes it."""
    attachments = rendered(frame).attachments
    decoded: dict[str, Any] = json.loads(json.dumps(attachments, allow_nan=False))
    return dict(decoded["table-1"][DATA_RESOURCE])


def column(frame: Any, name: str) -> tuple[str, list[Any]]:
    """Return the type and the values of a column of the table."""
    table = resource(frame)
    fields = {field["name"]: field["type"] for field in table["schema"]["fields"]}
    return fields[name], [row[name] for row in table["data"]]


def test_a_frame_travels_with_its_index_its_types_and_its_size() -> None:
    frame = pd.DataFrame({"n": [1, 2], "name": ["Ada", "Bob"]}, index=pd.Index([7, 9], name="id"))

    table = resource(frame)

    assert [field["name"] for field in table["schema"]["fields"]] == ["id", "n", "name"]
    assert [field["type"] for field in table["schema"]["fields"]] == [
        "integer",
        "integer",
        "string",
    ]
    assert table["index"] == table["schema"]["primaryKey"] == ["id"]
    assert table["total"] == {"rows": 2, "columns": 2}
    assert table["data"][1] == {"id": 9, "n": 2, "name": "Bob"}


def test_pandas_itself_reads_what_curl_gets() -> None:
    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, float("nan")]})

    read = pd.read_json(io.StringIO(json.dumps(resource(frame))), orient="table")

    assert read["n"].tolist() == [1, 2]
    assert np.isnan(read["x"].astype(float)[1])


def test_an_older_reader_sees_the_beginning_as_markdown() -> None:
    frame = pd.DataFrame({"n": range(1234), "t": "a|b"})

    text = rendered(frame).text

    assert text.startswith(
        "|  | n | t |\n| --- | --- | --- |\n| 0 | 0 | a\\|b |\n| 1 | 1 | a\\|b |"
    )
    assert text.endswith("\n\n[Table: first 50 of 1,234 rows, 2 columns](attachment:table-1)")
    assert len(text.splitlines()) == tables.PREVIEW_ROWS + 4


@pytest.mark.parametrize(
    ("values", "kind", "shown"),
    [
        ([1.5, float("nan"), float("inf"), -float("inf")], "number", [1.5, "NaN", "INF", "-INF"]),
        ([2**60, -1], "integer", ["1152921504606846976", -1]),
        ([10**30, None], "integer", ["1" + "0" * 30, None]),
        ([True, False], "boolean", [True, False]),
        ([Decimal("1.10"), None], "number", ["1.10", None]),
        ([1, "a", None], "any", [1, "a", None]),
        ([b"\x00\xff", b"x" * 5000], "any", ["b'\\x00\\xff'", f"b'{'x' * 100}'… (5,000 bytes)"]),
        ([[1, [2]], {"a": {1}}], "any", ["[1, [2]]", "{'a': {1}}"]),
        (
            ["<b>bold</b>", "y" * 2000],
            "string",
            ["<b>bold</b>", "y" * 500 + "… (2,000 characters)"],
        ),
        (["\ud83d half", "a"], "string", ["\ufffd half", "a"]),
        ([dt.date(2026, 1, 2), None], "date", ["2026-01-02", None]),
        ([dt.time(2, 30), None], "time", ["02:30:00", None]),
        ([], "any", []),
    ],
)
def test_a_value_is_shown_as_it_is_however_odd(values: list[Any], kind: str, shown: Any) -> None:
    assert column(pd.DataFrame({"v": pd.Series(values, dtype=object)}), "v") == (kind, shown)


def test_times_keep_their_zone_and_missing_ones_their_name() -> None:
    times = pd.to_datetime(pd.Series(["2026-01-01", None])).dt.tz_localize("Europe/Berlin")
    frame = pd.DataFrame({"t": times, "d": pd.to_timedelta([90, None], unit="min")})

    assert column(frame, "t") == ("datetime", ["2026-01-01T00:00:00+01:00", "NaT"])
    assert column(frame, "d") == ("duration", ["P0DT1H30M0S", "NaT"])


def test_pandas_own_types_are_shown() -> None:
    frame = pd.DataFrame(
        {
            "c": pd.Categorical(["a", None]),
            "i": pd.array([1, None], dtype="Int64"),
            "f": np.array([0.1, 0.2], dtype="float32"),
            "p": pd.period_range("2026-01", periods=2, freq="M"),
        }
    )

    assert column(frame, "c") == ("string", ["a", "NaN"])
    assert column(frame, "i") == ("integer", [1, "<NA>"])
    assert column(frame, "f") == ("number", [0.1, 0.2])
    assert column(frame, "p") == ("any", ["2026-01", "2026-02"])


def test_names_that_repeat_or_have_levels_stay_apart() -> None:
    columns = pd.MultiIndex.from_tuples([("a", "x"), ("a", "x"), ("b", "")])
    index = pd.MultiIndex.from_tuples([("eu", 2026)], names=["region", None])
    table = resource(pd.DataFrame([[1, 2, 3]], columns=columns, index=index))

    names = [field["name"] for field in table["schema"]["fields"]]
    titles = [field.get("title", field["name"]) for field in table["schema"]["fields"]]
    assert names == ["region", "level_1", "a / x", "a / x.1", "b"]
    assert titles == ["region", "", "a / x", "a / x", "b"]
    assert list(table["data"][0].values()) == ["eu", 2026, 1, 2, 3]


def test_polars_frames_are_shown_without_an_index() -> None:
    frame = pl.DataFrame(
        {
            "n": [1, None],
            "t": [dt.datetime(2026, 1, 1), None],
            "l": [[1], []],
            "s": [{"a": 1}, None],
            "c": pl.Series(["x", "y"], dtype=pl.Categorical),
            "d": [dt.timedelta(hours=-3), None],
        }
    )

    assert column(frame, "n") == ("integer", [1, None])
    assert column(frame, "t") == ("datetime", ["2026-01-01T00:00:00", None])
    assert column(frame, "l") == ("any", ["[1]", "[]"])
    assert column(frame, "s") == ("any", ["{'a': 1}", None])
    assert column(frame, "c") == ("string", ["x", "y"])
    assert column(frame, "d") == ("duration", ["-P0DT3H0M0S", None])
    assert resource(frame)["index"] == []
    assert column(pl.Series("one", [5]), "one") == ("integer", [5])


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (pd.DataFrame(np.zeros((2, 10_000))), "2 rows, first 30 of 10,000 columns"),
        (pd.DataFrame(np.zeros((100_000, 3))), "first 50 of 100,000 rows, 3 columns"),
        (pd.DataFrame({"a": []}), "0 rows, 1 column"),
        (pd.Series([1], name="v"), "1 row, 1 column"),
    ],
)
def test_a_frame_of_any_size_is_bounded_and_says_what_is_shown(frame: Any, shown: str) -> None:
    assert f"[Table: {shown}]" in rendered(frame).text
    table = resource(frame)
    assert len(table["data"]) <= tables.MAX_ROWS
    assert len(table["schema"]["fields"]) <= tables.MAX_COLUMNS + 1
    height, width = frame.to_frame().shape if frame.ndim == 1 else frame.shape
    assert table["total"] == {"rows": height, "columns": width}


@pytest.mark.parametrize("frame", [pd.DataFrame(), pl.DataFrame()])
def test_an_empty_frame_says_that_it_is_empty(frame: Any) -> None:
    assert rendered(frame).text == "(an empty table)"
    assert rendered(frame).attachments == {}


def test_many_large_frames_stay_within_an_event() -> None:
    large = pd.DataFrame({f"c{n}": ["ä" * 400] * 500 for n in range(5)})

    shown = rendered([large] * 10)

    assert set(shown.attachments) == {"table-1", "table-2"}
    assert len(json.dumps(shown.attachments, ensure_ascii=False).encode()) < 1.1 * (
        limits.MAX_ATTACHMENTS_BYTES
    )
    assert shown.text.count("cut here: 500 rows and 5 columns in all") == 8


def test_a_mapping_of_frames_shows_each_below_its_name() -> None:
    shown = rendered({"sales": pd.DataFrame({"n": [1]}), "note": "*late*", "rest": {"x": 1}})

    assert [line for line in shown.text.splitlines() if line.startswith("**")] == [
        "**sales**",
        "**note**",
        "**rest**",
    ]
    assert "(attachment:table-1)" in shown.text
    assert "\n*late*\n" in shown.text
    assert '```json\n{\n  "x": 1\n}\n```' in shown.text


def test_marks_in_cells_and_names_do_not_hide_what_follows() -> None:
    frame = pd.DataFrame({"<b>": ["<script>", "![x](attachment:image-2)"]})

    shown = rendered({"<script>": frame, "<customers>": "x", "a `b": "y"}).text

    assert shown.startswith(
        "**\\<script\\>**\n\n|  | \\<b\\> |\n| --- | --- |\n| 0 | \\<script\\> |\n"
    )
    assert "| 1 | !&#91;x\\](attachment:image-2) |" in shown
    assert "**\\<customers\\>**\n\nx\n\n**a \\`b**\n\ny" in shown


def test_a_frame_deep_inside_something_keeps_its_index() -> None:
    people = pd.DataFrame({"name": ["Ada"]}, index=pd.Index(["x-7"], name="id"))

    assert '"| x-7 | Ada |"' in as_markdown({"a": {"people": people}})


class Broken:
    """A frame that cannot be read."""

    shape = (1, 1)
    columns = ("a",)
    iloc = None

    def __repr__(self) -> str:
        return "<a broken frame>"


def test_a_list_of_flat_dicts_is_a_table_of_their_keys() -> None:
    rows = [{"id": 1, "paid": dt.date(2026, 1, 2)}, {"id": 2, "note": "a | b"}]
    table = resource(rows)
    fields = [(field["name"], field["type"]) for field in table["schema"]["fields"]]
    assert fields == [("id", "integer"), ("paid", "date"), ("note", "string")]
    assert table["data"][1] == {"id": 2, "paid": None, "note": "a | b"}
    among = rendered({"orders": rows, "rest": "words"})
    assert list(among.attachments) == ["table-1"]
    assert among.text.startswith("**orders**")
    many = resource([{"id": number} for number in range(2000)])
    assert (len(many["data"]), many["total"]["rows"]) == (tables.MAX_ROWS, 2000)


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": 1}],
        [{"id": 1}, {"id": [1]}],
        [{"id": 1}, {}],
        [{"id": 1}, "words"],
        [{"id": 1}, {2: 1}],
        [{"role": "user", "content": "x" * 201}, {"role": "agent", "content": "y"}],
        [{"content": "two\nlines"}, {"content": "one"}],
        [{f"k{number}": 1 for number in range(51)}, {"k0": 1}],
    ],
)
def test_other_lists_stay_json(rows: list[Any]) -> None:
    shown = rendered(rows)
    assert shown.attachments == {}
    assert shown.text.startswith("```json")


@pytest.mark.parametrize("thing", [Broken(), {"sales": Broken()}])
def test_a_frame_that_fails_is_replaced_by_the_reason(thing: Any) -> None:
    shown = rendered(thing)

    assert "This Broken cannot be shown (TypeError: 'NoneType' object" in shown.text
    assert "<a broken frame>" in shown.text
    assert shown.attachments == {}


def test_a_text_of_a_subclass_does_not_hide_the_table() -> None:
    class Markup(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise ValueError("no")

    frame = pd.DataFrame({Markup("v"): pd.Series([Markup("a"), Markup("ö" * 600)], dtype=object)})

    assert column(frame, "v") == ("string", ["a", "ö" * 500 + "… (600 characters)"])


def test_a_frame_among_other_parts_is_converted_once() -> None:
    class Counted(pd.DataFrame):  # type: ignore[misc, name-defined]
        read = 0

        @property
        def iloc(self) -> Any:
            Counted.read += 1
            return super().iloc

    alone = rendered(Counted({"n": [1]}))
    reads, Counted.read = Counted.read, 0

    assert rendered([Counted({"n": [1]})]).attachments == alone.attachments
    assert Counted.read <= reads + 1  # one more look at what it is


def test_a_cell_that_fails_does_not_hide_the_table() -> None:
    class Rude:
        def __repr__(self) -> str:
            raise ValueError("no")

    kind, (first, second) = column(pd.DataFrame({"v": [Rude(), [Rude()]]}), "v")
    assert (kind, first) == ("any", "(no text: Rude)")
    assert "Rude" in second


@pytest.mark.usefixtures("bridge")
def test_a_question_carries_its_frame_and_is_answered(client: Client) -> None:
    with asked("Pay?", context=pd.DataFrame({"n": [1, 2]})) as answer:
        question = next_question(client)
        client.answer(question.request_id, "Yes")
        assert answer.result() == "Yes"

    data = question.attachments["table-1"][DATA_RESOURCE]["data"]
    assert [row["n"] for row in data] == [1, 2]
