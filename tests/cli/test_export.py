"""`crewai-hitl export`: what people decided, in a file."""

import csv
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.records import FIELDS
from tests.cli.command import Commands, terminal
from tests.cli.conftest import Asks


@pytest.fixture
def execution(ask: Asks, client: Client) -> str:
    """A run with an edited draft, a refused call and an answer that is a formula."""
    run = "run-export"
    draft = ask(
        execution_id=run,
        prompt="Good?",
        draft="Tea is wet.",
        context="Tea is wet.",
        response={"decisions": ["approve", "respond", "edit"]},
    )
    client.answer(draft, "Tea is warm.", decision="edit")
    call = ask(
        execution_id=run,
        kind="tool_approval",
        response={"decisions": ["approve", "reject"]},
        source={"tool_name": "send"},
    )
    client.answer(call, decision="reject")
    formula = ask(execution_id=run, kind="question", prompt="Name?")
    client.answer(formula, "=HYPERLINK(1)\x1b[2J")
    return run


def exported(cli: Commands, *args: str) -> bytes:
    result = cli("export", *args)
    assert result.exit_code == 0, result.output
    return result.stdout_bytes


def test_json_lines_are_rows_oldest_first(cli: Commands, execution: str) -> None:
    rows = [json.loads(row) for row in exported(cli, "--execution", execution).splitlines()]
    latest = rows[-3:]
    assert [tuple(row) for row in latest] == [FIELDS] * 3
    assert [row["decision"] for row in latest] == ["edit", "reject", "respond"]
    assert latest[0]["edit"] == "Tea is warm."
    assert latest[1]["tool"] == "send"
    assert latest[2]["words"] == "=HYPERLINK(1)\x1b[2J"


def test_csv_is_for_spreadsheets_and_holds_no_formula(cli: Commands, execution: str) -> None:
    text = exported(cli, "--execution", execution, "--format", "csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == FIELDS
    assert rows[-1]["words"].startswith("'=HYPERLINK")


def test_parquet_has_times_and_lists(cli: Commands, execution: str, tmp_path: Path) -> None:
    pq: Any = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "answers.parquet"
    exported(cli, "--execution", execution, "--format", "parquet", "--output", str(file))
    table = pq.read_table(file)
    assert table.column_names == list(FIELDS)
    assert str(table.schema.field("asked_at").type) == "timestamp[us, tz=UTC]"
    assert table["words"].to_pylist()[-1] == "=HYPERLINK(1)\x1b[2J"


def test_preferences_are_pairs_of_a_draft_and_its_edit(cli: Commands, execution: str) -> None:
    body = exported(cli, "--execution", execution, "--preferences")
    row = json.loads(body.splitlines()[-1])
    assert (row["chosen"], row["rejected"]) == ("Tea is warm.", "Tea is wet.")
    assert row["prompt"] == "Good?"


@pytest.mark.parametrize(("option", "day"), [("--since", "2999-01-01"), ("--until", "2000-01-01")])
def test_a_span_of_time_leaves_the_rest_out(
    cli: Commands, execution: str, option: str, day: str
) -> None:
    assert exported(cli, "--execution", execution, option, day) == b""


def test_a_wrong_date_shows_what_one_looks_like(cli: Commands) -> None:
    result = cli("export", "--since", "yesterday")
    assert result.exit_code == 2
    assert "2026-11-30" in result.stderr


def test_a_file_that_exists_is_replaced_only_when_all_is_there(
    cli: Commands, execution: str, tmp_path: Path
) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text("before")
    assert cli("export", "--output", str(file), "--token", "wrong").exit_code == 4
    assert file.read_text() == "before"
    exported(cli, "--execution", execution, "--output", str(file))
    assert "Tea is warm." in file.read_text()


def test_on_a_terminal_no_text_commands_it(env: dict[str, str], execution: str) -> None:
    with terminal("export", "--execution", execution, "--format", "csv", env=env) as screen:
        screen.expect("HYPERLINK")
        shown = screen.before + screen.after + screen.read()
    assert "\x1b[2J" not in shown


def test_parquet_on_a_terminal_asks_for_a_file(env: dict[str, str]) -> None:
    with terminal("export", "--format", "parquet", env=env) as screen:
        screen.expect("--output")


def test_a_pipe_is_written_to_and_stays_a_pipe(
    cli: Commands, execution: str, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        exported(cli, "--execution", execution, "--output", str(pipe))
        assert "Tea is warm." in read.result()
    assert pipe.is_fifo()


def test_a_missing_folder_is_named_before_anything_is_fetched(
    env: dict[str, str], tmp_path: Path
) -> None:
    away = Commands({**env, "CREWAI_HITL_URL": "http://127.0.0.1:9/"})
    result = away("export", "--output", str(tmp_path / "no" / "file"))
    assert result.exit_code == 2
    assert "there is no folder" in result.stderr
