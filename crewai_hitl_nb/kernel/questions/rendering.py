"""Renders any object as Markdown, to show it under a question.

Pure. The output of :func:`as_markdown` is bounded, with a note where it is cut. A data frame is
recognised by its attributes, because pandas and polars are not dependencies. ``ask()``, flows and
gates use it; it uses ``context.py`` and ``protocol/json_safe.py``.
"""

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, Final

from pydantic import BaseModel

from crewai_hitl_nb.kernel.questions.context import fenced
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.json_safe import portable, text_of

MAX_ROWS: Final = 50
"""The most rows of a table that are shown; nobody compares more than this on a card."""

MAX_COLUMNS: Final = 30

_CELL_CHARS: Final = 200


def as_markdown(thing: Any) -> str:
    """Return a text unchanged, a data frame as a table, other structured values as JSON."""
    if thing is None or isinstance(thing, str):
        return thing or ""
    if (rows := _rows(thing)) is not None:
        return "\n".join(rows)
    if isinstance(thing, BaseModel | Mapping | list | tuple | set | frozenset):
        return _json(thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        return _json(thing)
    return text_of(thing)


def as_json(thing: Any) -> str:
    """Return values as complete JSON for people; a value that is not JSON becomes its text."""
    return json.dumps(portable(thing, special=_rows), indent=2, ensure_ascii=False)


def _json(thing: Any) -> str:
    # Half of the limit, so that a long list leaves room for the rest of the context.
    return fenced(as_json(thing), "json", limits.MAX_CONTEXT_CHARS // 2)


def _rows(thing: Any) -> list[str] | None:
    """Return the lines of a table; None if it is not a table, or fails when it is read."""
    try:
        return _table(thing)
    except Exception:  # noqa: BLE001 - an error in foreign code must not end the question
        return None


def _table(thing: Any) -> list[str] | None:
    """Return the lines of a table in Markdown; None if the object is not a table.

    The rows include the index, as pandas prints it, because people refer to rows by it.
    """
    if _has(thing, "to_frame", "iloc", "index"):  # one column
        thing = thing.to_frame()
    if not _has(thing, "columns", "shape") or not (_has(thing, "iloc") or _has(thing, "rows")):
        return None
    rows, columns = thing.shape
    if _has(thing, "iloc"):  # pandas and similar libraries
        parts = thing.iloc[:MAX_ROWS, :MAX_COLUMNS].to_dict("split")
        body, names = parts["data"], parts["columns"]
        keys = [key if isinstance(key, tuple) else (key,) for key in parts.get("index", ())]
        titles = _index_names(thing) if keys else []
    else:  # polars, whose rows have no names
        body = [row[:MAX_COLUMNS] for row in thing.head(MAX_ROWS).rows()]
        names, keys, titles = thing.columns[:MAX_COLUMNS], [], []
    if not titles and not names:
        return ["(an empty table)"]
    head = [*titles, *map(_cell, names)]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head))]
    for key, values in zip(keys or [()] * len(body), body, strict=True):
        lines.append(f"| {' | '.join(map(_cell, (*key, *values)))} |")
    if rows > MAX_ROWS or columns > MAX_COLUMNS:
        lines += ["", f"… (cut here: {rows:,} rows and {columns:,} columns in all)"]
    return lines


def _index_names(frame: Any) -> list[str]:
    return ["" if name is None else _cell(name) for name in frame.index.names]


def _has(thing: Any, *names: str) -> bool:
    return not isinstance(thing, type) and all(hasattr(thing, name) for name in names)


def _cell(value: Any) -> str:
    text = " ".join(text_of(value).split()).replace("\\", "\\\\").replace("|", "\\|")
    return text if len(text) <= _CELL_CHARS else f"{text[:_CELL_CHARS]}…"
