"""The steps in which a person at a terminal fills a form: field by field, part by part, row by row.

A blank line keeps what a field shows already. A file is attached by its path. ``dialog.py`` asks
for the decision first; ``protocol/schema.py`` says what a form may contain.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from crewai_hitl_nb.protocol.errors import FieldError
from crewai_hitl_nb.protocol.files import file_errors, in_words, size_text
from crewai_hitl_nb.protocol.schema import FORMATS, is_file
from crewai_hitl_nb.terminal.dialog_steps import Ask, Attach, NotAttached, Note, Steps
from crewai_hitl_nb.terminal.sanitize import one_line

_EMPTY: Final = "-"
"""What a person types to empty an optional field that has a default, or to remove a row."""

_TRUTH: Final[Mapping[str, bool]] = {"y": True, "yes": True, "n": False, "no": False}
_EXPECTED: Final = {
    "boolean": "yes or no",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
}
_YES_NO: Final = (*_TRUTH, "true", "false")
_NARROWEST_FIRST: Final = ("boolean", "integer", "number", "string")
_ROW_CHARS: Final = 200


def form_steps(form: Mapping[str, Any], errors: Iterable[FieldError]) -> Steps[dict[str, Any]]:
    """Ask for the values of a form.

    Args:
        form: The schema; the defaults are what a person may keep.
        errors: What is wrong with the defaults; each is shown before its field.
    """
    wrong = list(errors)
    for error in wrong:
        if error.field == "values":
            yield Note(f"  ✗ {one_line(error.message)}", "yellow")
    return (yield from _part(form, "values", wrong))


def filled_in(form: Mapping[str, Any], values: Any, *, only: bool = False) -> dict[str, Any]:
    """Return a form that shows these values.

    Args:
        form: The schema of the form, or of a part of it.
        values: What its fields show.
        only: Whether a field without a value shows nothing, rather than its own default.
    """
    given = values if isinstance(values, Mapping) else {}
    properties = {}
    for name, field in form["properties"].items():
        plain = {rule: value for rule, value in field.items() if rule != "default"}
        shown = {**plain, "default": given[name]} if given.get(name) is not None else plain
        properties[name] = shown if only or name in given else field
    return {**form, "properties": properties}


def _part(form: Mapping[str, Any], path: str, errors: list[FieldError]) -> Steps[dict[str, Any]]:
    values: dict[str, Any] = {}
    required = form.get("required", ())
    for name, field in form["properties"].items():
        if field.get("description"):
            yield Note(f"  {one_line(str(field['description']))}", "dim")
        title = one_line(str(field.get("title") or name))
        at = f"{path}.{name}"
        value = yield from _field(title, field, at, errors, needed=name in required)
        if value is not None or field.get("default") is not None:
            values[name] = value
    return values


def _field(
    title: str, field: Mapping[str, Any], path: str, errors: list[FieldError], *, needed: bool
) -> Steps[Any]:
    """Ask for one field of a form; None leaves it out, or empties one that had a default."""
    for error in errors:
        if error.field == path:
            yield Note(f"  ✗ {one_line(error.message)}", "yellow")
    if field.get("readOnly"):
        yield Note(f"  {title}: {_shown(field.get('default'))}")
        return field.get("default")
    if is_file(field):
        return (yield from _file(title, field, needed=needed))
    if field["type"] == "object":
        return (yield from _object(title, field, path, errors, needed=needed))
    if field["type"] == "array" and "enum" not in field["items"]:
        return (yield from _rows(title, field, path, errors, needed=needed))
    return (yield from _line(title, field, needed=needed))


def _object(
    title: str, field: Mapping[str, Any], path: str, errors: list[FieldError], *, needed: bool
) -> Steps[Any]:
    present = field.get("default")
    yield Note(f"{title}:")
    if not needed:
        keeps = "no" if present is None else f"keeps {_shown(present)}, {_EMPTY} leaves it empty"
        typed = (yield Ask(f"Fill in {title} (yes; blank: {keeps})", blank=True)).strip()
        if typed == _EMPTY:
            return None
        if not _is_yes(typed):
            return present
    return (yield from _part(filled_in(field, present), path, errors))


def _rows(
    title: str, field: Mapping[str, Any], path: str, errors: list[FieldError], *, needed: bool
) -> Steps[Any]:
    """Ask for the rows of a list: those that it has, then new ones."""
    what = "file" if is_file(field["items"]) else "row"
    present = list(field.get("default") or ())
    fixed = field.get("minItems") == field.get("maxItems") == len(present)
    yield Note(f"{title} ({len(present)} now):" if present else f"{title}:")
    kept = []
    for at, row in enumerate(present):
        name, below = f"{title}, {what} {at + 1}", f"{path}.{at}"
        yield Note(f"  {at + 1}  {_shown(row)}")
        for error in errors:
            if error.field == below or error.field.startswith(f"{below}."):
                yield Note(f"  ✗ {one_line(error.message)}", "yellow")
        if fixed and _lacks(field["items"], row):  # there is nothing yet that could be kept
            shown = {**field["items"], "default": row}
            kept.append((yield from _field(name, shown, below, errors, needed=True)))
            continue
        removes = "" if fixed else f", {_EMPTY} removes it"
        label = f"{name} (blank keeps it, edit changes it{removes})"
        typed = (yield Ask(label, blank=True)).strip().lower()
        if typed.startswith("e"):
            shown = {**field["items"], "default": row}
            kept.append((yield from _field(name, shown, below, errors, needed=True)))
        elif typed != _EMPTY or fixed:
            kept.append(row)
    while not fixed and len(kept) < field.get("maxItems", len(kept) + 1):
        if not _is_yes(
            (yield Ask(f"Add a {what} to {title} (yes; blank: no)", blank=True)).strip()
        ):
            break
        name = f"{title}, {what} {len(kept) + 1}"
        kept.append((yield from _field(name, field["items"], "", [], needed=True)))
    return kept if kept or needed or field.get("default") is not None else None


def _file(title: str, field: Mapping[str, Any], *, needed: bool) -> Steps[Any]:
    """Ask for the path of a file, and attach it."""
    present = field.get("default")
    hint = "" if needed else ", may be blank"
    if present is not None:
        hint = f", blank keeps {_shown(present)}"
        hint += "" if needed else f", {_EMPTY} leaves it empty"
    label = f"{title} (the path of a file{_limits(field)}{hint})"
    while True:
        typed = _unquoted((yield Ask(label, blank=bool(hint))).strip())
        if not typed and hint:
            return present
        if typed == _EMPTY and present is not None and not needed:
            return None
        try:
            reference = yield Attach(Path(typed).expanduser())
        except (NotAttached, RuntimeError, ValueError) as no:  # the latter: no such path can be
            yield Note(f"  ✗ {one_line(str(no))}", "yellow")
            continue
        value = msgspec.to_builtins(reference)
        wrong = list(file_errors(field, value, title))
        if not wrong:
            yield Note(f"  ✓ {one_line(str(reference))}", "green")
            return value
        for error in wrong:
            yield Note(f"  ✗ {one_line(reference.name)} {error.message}", "yellow")


def _limits(field: Mapping[str, Any]) -> str:
    kinds = f": {', '.join(field['accept'])}" if field.get("accept") else ""
    return f"{kinds}, at most {size_text(field['maxBytes'])}" if "maxBytes" in field else kinds


def _unquoted(path: str) -> str:
    """Return a path without the quotes that a terminal puts around one that is dropped on it."""
    quoted = len(path) > 1 and path[0] == path[-1] and path[0] in "'\""
    return path[1:-1] if quoted else path


def _lacks(items: Mapping[str, Any], row: Any) -> bool:
    """Return whether a row has no value yet for a field that needs one."""
    values = row if isinstance(row, Mapping) else {}
    return any(values.get(name) is None for name in items.get("required", ()))


def _line(title: str, field: Mapping[str, Any], *, needed: bool) -> Steps[Any]:
    """Ask for a value that takes one line."""
    present = field.get("default")
    hint = "" if needed else ", may be blank"
    if present is not None:
        hint = f", blank keeps {_shown(present)}"
        hint += "" if needed else f", {_EMPTY} leaves it empty"
    label = f"{title} ({_expected(field)}{hint})"
    while True:
        typed = (yield Ask(label, blank=bool(hint))).strip()
        if not typed and hint:
            return present
        if typed == _EMPTY and present is not None and not needed:
            return None
        try:
            return _value(typed, field["type"])
        except (ValueError, msgspec.DecodeError):  # up to msgspec 0.20 not a ValueError
            yield Note(f"Expected: {_expected(field)}.")


def _expected(field: Mapping[str, Any]) -> str:
    choices = field.get("enum") or field.get("items", {}).get("enum")
    if choices is not None:
        listed = " | ".join(one_line(str(choice)) for choice in choices)
        return f"some of {listed}, separated by commas" if field["type"] == "array" else listed
    kinds = [field["type"]] if isinstance(field["type"], str) else field["type"]
    words = FORMATS.get(field.get("format", ""), _EXPECTED["string"]).replace("`", "")
    return " or ".join(words if kind == "string" else _EXPECTED[kind] for kind in kinds)


def _value(typed: str, kind: str | list[str]) -> Any:
    """Convert the typed text to a value of the field's type.

    Of several types, it is of the first that it can be: text is the last.

    Raises:
        ValueError: The text is not a value of that type.
    """
    if isinstance(kind, list):
        narrowest, *rest = sorted(kind, key=_NARROWEST_FIRST.index)
        try:
            return _value(typed, narrowest)
        except (ValueError, msgspec.DecodeError):
            if not rest:
                raise
            return _value(typed, rest)
    if kind == "boolean":
        if typed.lower() not in _YES_NO:
            raise ValueError(typed)
        return _TRUTH.get(typed.lower(), typed.lower() == "true")
    if kind in ("integer", "number"):
        return msgspec.json.decode(typed, type=int if kind == "integer" else float)
    if kind == "array":
        return [part.strip() for part in typed.split(",")]
    return typed


def _shown(value: Any) -> str:
    """Return a value as one short line."""
    words = in_words(value)
    is_a_file = isinstance(words, str) and not isinstance(value, str)
    text = one_line(words if is_a_file else msgspec.json.encode(words).decode())
    return text if len(text) <= _ROW_CHARS else f"{text[:_ROW_CHARS]}…"


def _is_yes(typed: str) -> bool:
    return typed.lower() in ("y", "yes")
