"""What an asker puts under a question, as Markdown, whatever it is.

Pure. :func:`as_markdown` is bounded, and what is cut is said; a data frame is known by its
shape, for pandas is no dependency. Above it are questions in code, flows and gates; below is
``context.py``.
"""

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, Final

from pydantic import BaseModel

from crewai_hitl_nb.kernel.questions.context import fenced
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.portable import portable, text_of

MAX_ROWS: Final = 50
"""Of a table: more than this nobody compares on a card."""

MAX_COLUMNS: Final = 30

_CELL_CHARS: Final = 200


def as_markdown(thing: Any) -> str:
    """Return a text as it is, a table as a table, anything structured as JSON."""
    if thing is None or isinstance(thing, str):
        return thing or ""
    if _is_table(thing):
        return _table(thing)
    if isinstance(thing, BaseModel | Mapping | list | tuple | set | frozenset):
        return _json(thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        return _json(thing)
    return text_of(thing)


def as_json(thing: Any) -> str:
    """Return values as JSON for people, whole; what is no JSON stands as its text."""
    return json.dumps(portable(thing), indent=2, ensure_ascii=False)


def _json(thing: Any) -> str:
    # Half of the room, so that a long list leaves some for what stands around it.
    return fenced(as_json(thing), "json", limits.MAX_CONTEXT_CHARS // 2)


def _is_table(thing: Any) -> bool:
    return all(hasattr(thing, name) for name in ("columns", "iloc", "to_dict", "shape"))


def _table(frame: Any) -> str:
    """Return a data frame's first rows and columns as a Markdown table."""
    rows, columns = frame.shape
    shown = frame.iloc[:MAX_ROWS, :MAX_COLUMNS]
    names = [_cell(name) for name in shown.columns]
    body = shown.to_dict("split")["data"]
    lines = [f"| {' | '.join(cells)} |" for cells in (names, ["---"] * len(names))]
    lines += [f"| {' | '.join(map(_cell, values))} |" for values in body]
    if rows > MAX_ROWS or columns > MAX_COLUMNS:
        said = f"… (cut here: {rows:,} rows and {columns:,} columns in all)"
        lines += ["", said]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = " ".join(text_of(value).split()).replace("\\", "\\\\").replace("|", "\\|")
    return text if len(text) <= _CELL_CHARS else f"{text[:_CELL_CHARS]}…"
