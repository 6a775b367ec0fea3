"""`crewai-hitl export`: what people decided, in a file."""

import csv
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.files import FILE
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.records import FIELDS
from tests.cli.command import Commands, clean_env, running, terminal
from tests.cli.conftest import KEY, Asks
from tests.events import required


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


FILE_FORM = {
    "decisions": ["respond"],
    "schema": {
        "type": "object",
        "properties": {"receipt": {"type": "object", "format": "file"}},
    },
}


@pytest.fixture
def two_receipts(ask: Asks, client: Client) -> list[str]:
    """The hashes of a shown file, and of one that answers two questions, sorted."""
    run = "run-files"
    shown_in = f"q-{new_event_id()}"
    shown = client.upload(shown_in, b"shown", name="shown.txt")
    bundle = {FILE: msgspec.to_builtins(shown)}
    ask(shown_in, execution_id=run, kind="question", attachments={"file-1": bundle})
    client.answer(shown_in, "Seen")
    hashes = {shown.sha256}
    for name in ("a.pdf", "b.pdf"):
        question = ask(execution_id=run, kind="question", response=FILE_FORM)
        receipt = client.upload(question, b"the same", name=name)
        client.answer(question, values={"receipt": msgspec.to_builtins(receipt)})
        hashes.add(receipt.sha256)
    return sorted(hashes)


def test_files_are_written_once_under_their_hashes_and_only_what_is_missing_is_fetched(
    cli: Commands, two_receipts: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "attachments"
    options = ("--execution", "run-files", "--files", str(folder))
    exported(cli, *options)
    assert sorted(os.listdir(folder)) == two_receipts
    assert {file.read_bytes() for file in folder.iterdir()} == {b"shown", b"the same"}

    kept, cut = (folder / sha256 for sha256 in two_receipts)
    before = kept.stat()
    whole = cut.read_bytes()
    cut.write_bytes(whole[:3])
    exported(cli, *options)
    assert cut.read_bytes() == whole
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_that_the_server_has_lost_is_named_and_all_else_is_written(
    cli: Commands, tmp_path: Path
) -> None:
    log = tmp_path / "log.db"
    serve = ("serve", "--host", "127.0.0.1", "--port", "0", "--json", "--store", str(log))
    folder = tmp_path / "attachments"
    with running(*serve, env=clean_env(tmp_path, CREWAI_HITL_API_KEY=KEY)) as server:
        url = server.json()["url"]
        with Client(url, KEY) as client:
            client.publish(required("q", response=FILE_FORM))
            receipt = client.upload("q", b"content")
            client.answer("q", values={"receipt": msgspec.to_builtins(receipt)})
        (content,) = Path(f"{log}.files").rglob(receipt.sha256)
        content.unlink()
        result = cli("export", "--url", url, "--files", str(folder))
        assert server.end() == 0
    assert result.exit_code == 1
    assert receipt.sha256 in result.stderr
    assert b"receipt" in result.stdout_bytes
    assert os.listdir(folder) == []
