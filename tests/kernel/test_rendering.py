"""What stands under a question, whatever an asker gives."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from crewai_hitl_nb.kernel.questions.rendering import MAX_COLUMNS, MAX_ROWS, as_markdown
from crewai_hitl_nb.protocol import limits


class Index(list[Any]):
    """Of a frame below."""

    names: list[str | None]


class Frame:
    """As much of a data frame as is looked at; pandas is no dependency of ours."""

    def __init__(
        self,
        rows: list[list[Any]],
        columns: list[str],
        index: list[Any] | None = None,
        names: tuple[str | None, ...] = (None,),
    ) -> None:
        self._rows = rows
        self.columns = columns
        self.index = Index(range(len(rows)) if index is None else index)
        self.index.names = list(names)
        self.shape = (len(rows), len(columns))

    @property
    def iloc(self) -> "Frame":
        """The way to a part of it."""
        return self

    def __getitem__(self, part: tuple[slice, slice]) -> "Frame":
        rows, columns = part
        kept = [row[columns] for row in self._rows[rows]]
        return Frame(kept, self.columns[columns], self.index[rows])

    def to_dict(self, orient: str) -> dict[str, Any]:
        """Return it as pandas does."""
        assert orient == "split"
        return {"index": list(self.index), "columns": self.columns, "data": self._rows}


class Series:
    """As much of one column."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self.index, self.iloc = frame.index, frame.iloc

    def to_frame(self) -> Frame:
        """Return it as pandas does."""
        return self._frame


class Rows:
    """As much of a data frame of polars."""

    columns = ("n", "t")
    shape = (2, 2)

    def head(self, count: int) -> "Rows":
        """Return the first rows."""
        return self

    def rows(self) -> list[tuple[Any, ...]]:
        """Return them as tuples."""
        return [(1, "a"), (2, None)]


NAMED = Frame([["Ada", 3], ["Bob", 4]], ["name", "seats"], ["x-7", "x-9"], ("id",))


class Model(BaseModel):
    x: int = 1


@dataclass
class Data:
    x: int = 1


@pytest.mark.parametrize(
    ("thing", "shown"),
    [
        (None, ""),
        ("*as it is*", "*as it is*"),
        ({"x": 1}, '```json\n{\n  "x": 1\n}\n```'),
        (Model(), '```json\n{\n  "x": 1\n}\n```'),
        (Data(), '```json\n{\n  "x": 1\n}\n```'),
        ([Model()], '```json\n[\n  {\n    "x": 1\n  }\n]\n```'),
        ({"b", "a"}, '```json\n[\n  "a",\n  "b"\n]\n```'),
        (3.5, "3.5"),
        (
            Frame([[1, "a|b"], [2, "c\nd"]], ["n", "t"]),
            "|  | n | t |\n| --- | --- | --- |\n| 0 | 1 | a\\|b |\n| 1 | 2 | c d |",
        ),
        (
            NAMED,
            "| id | name | seats |\n| --- | --- | --- |\n| x-7 | Ada | 3 |\n| x-9 | Bob | 4 |",
        ),
        (
            Frame([[5]], ["n"], [("eu", 2026)], ("region", None)),
            "| region |  | n |\n| --- | --- | --- |\n| eu | 2026 | 5 |",
        ),
        (
            Series(Frame([[5]], ["n"], ["x-7"])),
            "|  | n |\n| --- | --- |\n| x-7 | 5 |",
        ),
        (Rows(), "| n | t |\n| --- | --- |\n| 1 | a |\n| 2 | None |"),
    ],
)
def test_an_object_is_shown_in_a_form_that_fits_its_type(thing: Any, shown: str) -> None:
    assert as_markdown(thing) == shown


def test_a_large_table_is_cut_and_says_so() -> None:
    table = as_markdown(Frame([[n] * 40 for n in range(1234)], [f"c{n}" for n in range(40)]))

    assert table.endswith("… (cut here: 1,234 rows and 40 columns in all)")
    assert len(table.splitlines()) == MAX_ROWS + 4
    assert table.splitlines()[0].count("|") == MAX_COLUMNS + 2  # and the index


def test_a_table_inside_of_something_keeps_its_index() -> None:
    shown = as_markdown({"people": NAMED})

    assert '"| id | name | seats |"' in shown
    assert '"| x-9 | Bob | 4 |"' in shown


def test_large_json_is_cut_and_says_so() -> None:
    shown = as_markdown({"x": "y" * limits.MAX_CONTEXT_CHARS})

    assert len(shown) <= limits.MAX_CONTEXT_CHARS // 2
    assert "cut here" in shown
    assert shown.endswith("\n```")
