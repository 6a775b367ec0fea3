"""Rows that a person approves or rejects one by one.

Pure. The rows are shown in a grid and cannot be changed; beside each, the person decides and may
say why. Nothing is decided beforehand, so that a row that nobody looked at is never approved.
``ask/answer_types.py`` uses it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from crewai_hitl_nb.kernel.ask.forms import Field, Form
from crewai_hitl_nb.kernel.ask.frames import check_whole, is_data_frame, only_numbers
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.arguments import several
from crewai_hitl_nb.protocol.errors import FieldError
from crewai_hitl_nb.protocol.events import HumanInputCompleted, Response
from crewai_hitl_nb.protocol.json_safe import portable, text_of

_ROWS: Final = "rows"
_APPROVE: Final = "approve"
_REJECT: Final = "reject"
_CELL_CHARS: Final = 500
_REASON_CHARS: Final = 1000


@dataclass(frozen=True)
class RowDecision:
    """What a person decided about one row.

    Attributes:
        row: The row, as it was given; a dict for a row of a data frame, with its index unless that
            only numbers the rows.
        approved: Whether they approved it.
        reason: What they said about it; may be empty.
    """

    row: Any
    approved: bool
    reason: str = ""


class RowByRow:
    """A decision for each of several rows.

    Args:
        rows: A data frame, or a list of dicts, models or other values.

    Raises:
        ValueError: There are no rows, too many to look at, or two columns of the same name.
    """

    def __init__(self, rows: Any) -> None:
        self._rows = _records(rows)
        cells = [_cells(row) for row in self._rows]
        names = list(dict.fromkeys(name for row in cells for name in row))
        _check_size(len(cells), len(names))
        self._decision, self._reason = _free("decision", names), _free("reason", names)
        shown = {name: Field({"type": "string", "readOnly": True}) for name in names}
        decision = {"type": "string", "title": "Decision", "enum": [_APPROVE, _REJECT]}
        reason = {"type": "string", "title": "Reason", "maxLength": _REASON_CHARS}
        row = Form(
            {**shown, self._decision: Field(decision), self._reason: Field(reason)},
            frozenset({self._decision}),
        )
        exactly = {"minItems": len(cells), "maxItems": len(cells)}
        field = Field.of_rows(Field.of_part(row), exactly).showing(cells)
        self._form = Form({_ROWS: field}, frozenset({_ROWS}))
        check_whole(self._form)

    def response(self) -> Response:
        """Return the form with the rows."""
        return Response(decisions=("respond",), schema=self._form.schema)

    def read(self, answer: HumanInputCompleted) -> list[RowDecision]:
        """Return the decisions, in the order of the rows."""
        filled = (answer.values or {})[_ROWS]
        return [
            RowDecision(row, said[self._decision] == _APPROVE, said.get(self._reason) or "")
            for row, said in zip(self._rows, filled, strict=True)
        ]

    def refilled(self, answer: HumanInputCompleted, errors: tuple[FieldError, ...]) -> "RowByRow":
        """Return this type: the server has checked all there is to check."""
        return self

    def default(self, value: Any) -> dict[str, Any]:
        """Return explicit decisions: True or False for each row."""
        said = list(value) if isinstance(value, list | tuple) else []
        if len(said) != len(self._rows) or not all(isinstance(one, bool) for one in said):
            raise ValueError(
                f"default must be a list of {len(self._rows)} True or False, one for each row, "
                f"not {value!r}"
            )
        words = {True: _APPROVE, False: _REJECT}
        rows = [{self._decision: words[one]} for one in said]
        return {"decision": "respond", "values": {_ROWS: rows}}


def _records(rows: Any) -> list[Any]:
    if is_data_frame(rows):
        _check_size(len(rows), len(rows.columns))
        polars = hasattr(rows, "to_dicts")
        if not polars and not only_numbers(rows.index):
            rows = rows.reset_index(allow_duplicates=True)
        if len(set(map(str, rows.columns))) < len(rows.columns):
            raise ValueError("two columns of the frame have the same name; rename one")
        found: list[Any] = rows.to_dicts() if polars else rows.to_dict("records")
        return found
    return list(several("rows", "rows such as [{'id': 1}, {'id': 2}]", rows))


def _cells(row: Any) -> dict[str, str]:
    """Return what is shown of a row, column by column.

    Raises:
        ValueError: Two columns would be shown as one, so that a value is approved unseen.
    """
    plain = portable(row)
    if isinstance(row, Mapping) and isinstance(plain, Mapping) and len(plain) < len(row):
        raise ValueError(f"two keys of a row would be shown as the same text; rename one: {[*row]}")
    columns = plain if isinstance(plain, Mapping) and plain else {"row": plain}
    return {str(name): _text(value) for name, value in columns.items()}


def _text(value: Any) -> str:
    text = msgspec.json.encode(value).decode() if isinstance(value, dict | list) else text_of(value)
    text = "" if value is None else text
    return text if len(text) <= _CELL_CHARS else f"{text[:_CELL_CHARS]}…"


def _free(name: str, taken: Iterable[str]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)


def _check_size(rows: int, columns: int) -> None:
    """Refuse rows that nobody would look at one by one.

    Raises:
        ValueError: It says the bound and what to do.
    """
    if rows == 0:
        raise ValueError("there are no rows to approve or reject")
    if rows > limits.MAX_FORM_ROWS:
        raise ValueError(
            f"there are {rows:,} rows; a person can decide on at most {limits.MAX_FORM_ROWS}. Ask "
            "about a part of them at a time"
        )
    most = limits.MAX_SCHEMA_PROPERTIES - 3
    if columns > most or rows * (columns + 3) >= limits.MAX_FORM_VALUES:
        raise ValueError(
            f"{rows:,} rows of {columns:,} columns are too much to decide on; leave out columns "
            "that a person does not need"
        )
