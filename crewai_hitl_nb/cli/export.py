"""``crewai-hitl export``: writes what people decided to a file, for analysis or for training."""

from collections.abc import Iterable
from datetime import datetime, timezone
from importlib import import_module
from itertools import chain, starmap
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import click
import msgspec

from crewai_hitl_nb.cli import exported_files
from crewai_hitl_nb.cli.settings import Settings, json_option, server_options
from crewai_hitl_nb.protocol.events import Kind
from crewai_hitl_nb.protocol.records import Preference, Record, preferences_of, record_of
from crewai_hitl_nb.terminal.sanitize import sanitize_json

Format: TypeAlias = Literal["jsonl", "csv", "parquet"]
_Row: TypeAlias = Record | Preference

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A spreadsheet reads a cell that begins so as a formula, which can call programs (OWASP, "CSV
Injection"). Anybody who answers a question could write one."""


class _Date(click.ParamType[datetime]):
    """A date or a time in ISO 8601; without a zone it is local."""

    name = "date"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(timezone.utc)
        except ValueError:
            self.fail(f"{value!r} is not a date such as 2026-11-30 or 2026-11-30T09:00", param, ctx)


def _in_a_folder(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and not value.parent.is_dir():
        raise click.BadParameter(f"there is no folder {value.parent}", ctx, param)
    return value


@click.command()
@click.option(
    "--format",
    "format_",
    type=click.Choice(get_args(Format)),
    default="jsonl",
    show_default=True,
    help="parquet needs pyarrow, which is installed with crewAI.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_in_a_folder,
    help="The file; it is replaced when everything is there.",
)
@click.option("--since", type=_Date(), help="Only questions that ended then or later.")
@click.option("--until", type=_Date(), help="Only questions that ended before.")
@click.option("--execution", metavar="ID", help="Only this execution.")
@click.option("--crew", metavar="ID", help="Only this crew, by its id.")
@click.option("--kind", type=click.Choice(get_args(Kind)), help="Only this kind of question.")
@click.option(
    "--preferences",
    is_flag=True,
    help="Write pairs of a preferred and a rejected text instead: edits, and accepted drafts.",
)
@click.option(
    "--files",
    "folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    callback=_in_a_folder,
    help="Write the files of these questions and answers there, each named by its sha256. "
    "What is there already is not fetched again.",
)
@server_options
@json_option
@click.pass_obj
def export(  # noqa: PLR0913, PLR0917 - one for each option
    settings: Settings,
    format_: Format,
    output: Path | None,
    since: datetime | None,
    until: datetime | None,
    execution: str | None,
    crew: str | None,
    kind: str | None,
    preferences: bool,
    folder: Path | None,
) -> None:
    """Write the questions that have ended, one row each, oldest first.

    Without --output they go to stdout. In CSV, a text that a spreadsheet would read as a formula
    begins with an apostrophe; JSON lines and Parquet have every text as it is.
    """
    from crewai_hitl_nb.client.history import asked_since, closed_between

    if format_ == "parquet":
        _require_pyarrow()
        if output is None and settings.screen.is_terminal:
            raise click.UsageError("Parquet is not for a terminal: name a file with --output")
    with settings.client() as client:
        found = client.requests(
            status="closed",
            execution_id=execution,
            crew_id=crew,
            kind=kind,
            closed_after=asked_since(since),
        )
        closed = closed_between(found, since, until)
        lost = exported_files.write(client, closed, folder) if folder is not None else []
    rows: Iterable[_Row] = (
        chain.from_iterable(starmap(preferences_of, closed))
        if preferences
        else starmap(record_of, closed)
    )
    body = _ENCODERS[format_](Preference if preferences else Record, rows)
    _write(settings, output, body)
    if lost:
        raise click.ClickException(
            f"the server has lost {len(lost)} of the files, and everything else is written: "
            f"{', '.join(lost)}. Ask its operator to restore them from a backup, and run the "
            "command again"
        )


def _write(settings: Settings, output: Path | None, body: bytes) -> None:
    if output is None:
        settings.screen.content(body)
        return
    replaces = output.is_file() or not output.exists()  # a device or a pipe is written to
    try:
        with click.open_file(str(output), "wb", atomic=replaces) as file:
            file.write(body)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error


def _jsonl(kind: type[_Row], rows: Iterable[_Row]) -> bytes:
    lines = (sanitize_json(msgspec.json.encode(row).decode()) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _csv(kind: type[_Row], rows: Iterable[_Row]) -> bytes:
    import csv
    import io

    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(kind.__struct_fields__)
    writer.writerows([_cell(value) for value in msgspec.to_builtins(row).values()] for row in rows)
    return text.getvalue().encode("utf-8-sig")  # by its mark Excel knows that it is UTF-8


def _cell(value: Any) -> Any:
    """Return a value as one cell: lists and objects as JSON, and no formula."""
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _parquet(kind: type[_Row], rows: Iterable[_Row]) -> bytes:
    import io

    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")

    special = {
        "asked_at": pa.timestamp("us", tz="UTC"),
        "closed_at": pa.timestamp("us", tz="UTC"),
        "seconds": pa.float64(),
        "round": pa.int64(),
        "options": pa.list_(pa.string()),
    }
    schema = pa.schema([(name, special.get(name, pa.string())) for name in kind.__struct_fields__])
    table = pa.Table.from_pylist([_parquet_row(row) for row in rows], schema=schema)
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def _parquet_row(row: _Row) -> dict[str, Any]:
    """Return a row with its form as JSON: forms have different fields, a column has one type."""
    fields = msgspec.structs.asdict(row)
    if fields.get("values") is not None:
        fields["values"] = msgspec.json.encode(fields["values"]).decode()
    return fields


_ENCODERS: Final = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}


def _require_pyarrow() -> None:
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise click.ClickException(
            "Parquet needs pyarrow, which is not installed here: run `pip install pyarrow`, or "
            "choose --format jsonl or csv"
        )
