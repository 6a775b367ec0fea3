"""An ordinary answer never makes the server compare each value of a form with each choice."""

from collections.abc import Iterator
from typing import Any

import pytest

from crewai_hitl_nb.protocol.errors import InvalidEvent
from crewai_hitl_nb.protocol.form_values import form_errors
from crewai_hitl_nb.protocol.schema import check_form

MOST_ROWS, COLUMNS = 199, 24
CHOICES = [f"choice {number}" for number in range(1000)]


class Looked(list[Any]):
    """Choices that count how often somebody goes through them."""

    times = 0

    def __iter__(self) -> Iterator[Any]:
        self.times += 1
        return super().__iter__()


def _rows_of(field: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"rows": {"type": "array", "items": field}}}


@pytest.mark.parametrize("cell", [[], [CHOICES[-1]], ["nothing"]])
def test_choices_of_many_lists_are_gone_through_once(cell: list[str]) -> None:
    choices = Looked(CHOICES)
    several = {"type": "array", "items": {"type": "string", "enum": choices}}
    form = _rows_of({"type": "array", "items": several})
    check_form(form)
    choices.times = 0
    errors = form_errors(form, {"rows": [[cell] * COLUMNS] * MOST_ROWS})
    assert bool(errors) is (cell == ["nothing"])
    assert choices.times <= 2  # for the check, and for the words of an error


@pytest.mark.parametrize("cell", [CHOICES[-1], "nothing"])
def test_choices_of_many_cells_are_gone_through_once(cell: str) -> None:
    choices = Looked(CHOICES)
    columns = {str(at): {"type": "string", "enum": choices} for at in range(COLUMNS)}
    form = _rows_of({"type": "object", "properties": columns})
    check_form(form)
    choices.times = 0
    row = dict.fromkeys(columns, cell)
    errors = form_errors(form, {"rows": [row] * MOST_ROWS})
    assert bool(errors) is (cell == "nothing")
    assert choices.times <= 2 * COLUMNS  # each column has its own


def test_several_choices_are_texts() -> None:
    lists = {"type": "array", "items": {"enum": [[1] * 50] * 1000}}
    with pytest.raises(InvalidEvent, match=r"rows\.items\.items\.enum`: must be a list of strings"):
        check_form(_rows_of(lists))
