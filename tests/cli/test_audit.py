"""``crewai-hitl audit``: export and verify, over the network and from the file; tampering shows."""

import asyncio
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.files import FILE
from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.store.postgres.connections import parse
from tests.cli.command import Commands, clean_env
from tests.events import other, required

KEY = "a-key-for-tests"


class Log:
    """A server with a log that holds a question, its answer and some more."""

    def __init__(self, folder: Path, store: str = "") -> None:
        self.folder = folder
        self.store = store or folder / "log.db"
        self.keys = folder / "keys.json"
        ring = Keyring(self.keys)
        _, self.limited = ring.add(
            "mine", ["read"], datetime.now(timezone.utc), executions=["mine"]
        )
        self.server = HumanInputServer(
            port=0, api_key=KEY, keys_file=self.keys, store=self.store, host="127.0.0.1"
        )

    def cli(self, key: str = KEY) -> Commands:
        where = {"CREWAI_HITL_URL": self.server.url, "CREWAI_HITL_TOKEN": key}
        return Commands(clean_env(self.folder, **where))

    def export(self, *args: str, name: str = "trail.jsonl") -> tuple[Path, str]:
        """Return the exported file and its head."""
        file = self.folder / name
        result = self.cli()("audit", "--output", str(file), *args)
        assert result.exit_code == 0, result.output
        return file, result.stderr.strip().removeprefix("head ")

    def tamper(self, statement: str, *values: object) -> None:
        """Change the file behind the server's back."""
        with sqlite3.connect(self.store) as connection:
            connection.execute(statement, values)
        connection.close()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    log = Log(tmp_path)
    with log.server, Client(log.server.url, KEY) as client:
        client.publish(required("q1", execution_id="mine", prompt="Grüße \u202e?"))
        client.answer("q1", "Yes, do", via="cli")
        client.publish(*(other(execution_id="theirs") for _ in range(4)))
        yield log


def problems(log: Log, file: Path, *args: str) -> list[tuple[str, int | None]]:
    """Return what is found, and that the exit code says so."""
    result = log.cli()("audit", "verify", str(file), "--json", *args)
    verdict: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if verdict["ok"] else 1)
    return [(problem["what"], problem["offset"]) for problem in verdict["problems"]]


def test_the_trail_says_who_answered_what_when_and_by_which_way(log: Log) -> None:
    file, head = log.export()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["type"] for line in lines] == ["audit_begin", *["audit_record"] * 6, "audit_head"]
    answer = lines[2]["event"]
    assert answer["answered_by"] == {"name": "api", "via": "cli"}
    assert (answer["decision"], answer["human_feedback"]) == ("respond", "Yes, do")
    assert answer["timestamp"].endswith("Z")
    assert head == f"6:{lines[-1]['seal']}"


def test_an_exported_trail_is_verified_without_a_server(log: Log, tmp_path: Path) -> None:
    file, head = log.export()
    result = Commands(clean_env(tmp_path))("audit", "verify", str(file), "--head", head)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"verified  6 records, unbroken up to head {head}")


def test_the_server_the_file_and_stdout_give_the_same_trail(log: Log) -> None:
    file, head = log.export()
    beside, same = log.export("--store", str(log.store), name="from-file.jsonl")
    assert (beside.read_bytes(), same) == (file.read_bytes(), head)
    printed = log.cli()("audit")
    assert printed.stderr == f"head {head}\n"
    assert "\u202e" not in printed.stdout  # made harmless for a terminal, and the same JSON
    assert [json.loads(line) for line in printed.stdout.splitlines()] == [
        json.loads(line) for line in file.read_text().splitlines()
    ]
    assert log.cli()("audit", "verify", "-", stdin=printed.stdout).exit_code == 0


def test_an_answer_that_was_changed_in_the_file_of_the_log_is_found(log: Log) -> None:
    file, _ = log.export()
    log.tamper(
        "UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'Yes, do', 'No, stop') AS BLOB)"
    )
    changed, _ = log.export(name="after.jsonl")
    assert problems(log, changed) == [("changed", 2)]
    assert problems(log, file) == []


def test_an_event_that_was_deleted_from_the_file_of_the_log_is_found(log: Log) -> None:
    log.tamper("DELETE FROM events WHERE offset = 4")
    assert problems(log, log.export()[0]) == [("missing", 4)]


def test_events_that_were_cut_off_are_found_by_a_head_that_was_kept(log: Log) -> None:
    file, head = log.export()
    log.tamper("DELETE FROM events WHERE offset > 4")
    after, _ = log.export(name="after.jsonl")
    assert problems(log, after) == []
    assert problems(log, after, "--head", head) == [("missing", 6)]
    assert problems(log, file, "--against", str(log.store)) == [("foreign", 6)]
    assert problems(log, file, "--against-server") == [("foreign", 6)]


def test_a_log_that_goes_on_fits_the_trail_that_was_exported_before(log: Log) -> None:
    file, head = log.export()
    with Client(log.server.url, KEY) as client:
        client.publish(other())
    assert problems(log, file, "--against-server") == []
    after, later = log.export(name="after.jsonl")
    assert problems(log, after, "--head", head, "--head", later) == []


def test_a_file_whose_content_was_altered_or_removed_is_found(log: Log) -> None:
    with Client(log.server.url, KEY) as client:
        names = []
        for number in (1, 2, 3):
            file = client.upload(f"f{number}", f"content {number}".encode())
            attached = {"file-1": {FILE: {**msgspec.to_builtins(file)}}}
            client.publish(required(f"f{number}", attachments=attached))
            names.append(file.sha256)
    trail, _ = log.export()
    assert problems(log, trail, "--against", str(log.store)) == []
    folder = Path(f"{log.store}.files")
    (folder / names[0][:2] / names[0]).write_bytes(b"altered")
    (folder / names[1][:2] / names[1]).unlink()
    result = log.cli()("audit", "verify", str(trail), "--against", str(log.store))
    assert result.exit_code == 1
    assert [name in result.stdout for name in names] == [True, True, False]
    assert problems(log, trail, "--against", str(log.store)) == [("missing", None)] * 2


def test_another_log_does_not_fit(log: Log, tmp_path: Path) -> None:
    file, _ = log.export()
    (tmp_path / "other").mkdir()
    beside = Log(tmp_path / "other")
    with beside.server:
        result = problems(beside, file, "--against-server")
    assert result == [("foreign", 6)]


def test_pruned_events_stay_in_the_chain(log: Log) -> None:
    before, head = log.export()
    loop, broker = log.server._loop, log.server._runtime.services.broker
    assert loop is not None
    assert broker is not None

    asyncio.run_coroutine_threadsafe(broker.prune(keep=2, days=1000), loop).result()
    after, same = log.export(name="after.jsonl")
    assert same == head
    assert problems(log, after, "--head", head) == []
    assert json.loads(after.read_text().splitlines()[0])["offset"] == 4
    assert problems(log, before, "--against-server") == []


def test_a_limited_key_exports_what_it_sees_and_is_told_that_it_is_a_part(log: Log) -> None:
    result = log.cli(log.limited)("audit")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["offset"] for line in lines[1:-1]] == [1, 2]
    assert lines[0]["complete"] is False
    assert "theirs" not in result.stdout
    verified = log.cli()("audit", "verify", "-", stdin=result.stdout)
    assert verified.exit_code == 7
    assert "verified" not in verified.stdout
    assert "2 records from part of the log" in verified.stdout
    forged = result.stdout.replace("Yes, do", "No, stop")
    assert log.cli()("audit", "verify", "-", stdin=forged).exit_code == 1


def test_a_file_that_is_there_is_not_overwritten(log: Log) -> None:
    file, _ = log.export()
    result = log.cli()("audit", "--output", str(file))
    assert (result.exit_code, "cannot write" in result.stderr) == (1, True)


def test_an_invalid_head_is_a_usage_error(log: Log) -> None:
    file, _ = log.export()
    assert log.cli()("audit", "verify", str(file), "--head", "6:nonsense").exit_code == 2


def test_a_file_of_another_program_is_refused_as_a_log(log: Log, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "theirs.db") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    result = log.cli()("audit", "--store", str(tmp_path / "theirs.db"))
    assert result.exit_code == 1
    assert "is not a log of schema" in result.stderr


def test_an_exported_trail_is_for_its_user_only(log: Log, tmp_path: Path) -> None:
    file = tmp_path / "for-me.jsonl"
    before = os.umask(0)
    try:
        assert log.cli()("audit", "--output", str(file)).exit_code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_trail_is_written_over_nothing_and_through_no_link(log: Log, tmp_path: Path) -> None:
    there = tmp_path / "there.jsonl"
    there.write_text("theirs")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "nowhere.jsonl")
    for name in ("there.jsonl", "link.jsonl"):
        assert log.cli()("audit", "--output", str(tmp_path / name)).exit_code != 0
    assert there.read_text() == "theirs"
    assert not (tmp_path / "nowhere.jsonl").exists()


# ---- a log in PostgreSQL


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_url: str) -> Iterator[Log]:
    """The same log in PostgreSQL."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    log = Log(tmp_path, log_url)
    with log.server, Client(log.server.url, KEY) as client:
        client.publish(required("q1", execution_id="mine", prompt="Grüße \u202e?"))
        client.answer("q1", "Yes, do", via="cli")
        client.publish(*(other(execution_id="theirs") for _ in range(4)))
        yield log


def change(url: str, statement: str) -> None:
    """Change a log behind its servers' backs."""
    log = parse(url).connect()
    try:
        log.run_script(statement)
    finally:
        log.close()


def test_the_server_and_the_database_give_the_same_trail(shared: Log) -> None:
    file, head = shared.export()
    beside, same = shared.export("--store", str(shared.store), name="from-database.jsonl")
    assert (beside.read_bytes(), same) == (file.read_bytes(), head)
    assert problems(shared, file, "--against", str(shared.store), "--head", head) == []


def test_an_answer_that_was_changed_in_the_database_is_found(shared: Log, log_url: str) -> None:
    file, _ = shared.export()
    change(log_url, "UPDATE log.events SET body = replace(body::text, '59', '4e')::bytea")
    changed, _ = shared.export("--store", log_url, name="after.jsonl")
    assert ("changed", 2) in problems(shared, changed)
    assert ("changed", 2) in problems(shared, file, "--against", log_url)


def test_a_log_that_lost_history_is_verified_by_the_epoch_its_seals_begin_with(
    shared: Log, log_url: str
) -> None:
    before, head = shared.export()
    change(log_url, "UPDATE log.state SET epoch = 'after-the-loss'")
    after, same = shared.export("--store", log_url, name="after.jsonl")
    begin, old = (json.loads(path.read_text().splitlines()[0]) for path in (after, before))
    assert (begin["epoch"], begin["chain"]) == ("after-the-loss", old["epoch"])
    assert "chain" not in old
    assert same == head
    assert problems(shared, after, "--head", head, "--against", log_url) == []
    assert problems(shared, before, "--against", log_url) == []


def test_a_trail_with_the_chain_of_another_log_is_found(shared: Log, log_url: str) -> None:
    file, _ = shared.export()
    lines = file.read_text().splitlines()
    forged = file.with_name("forged.jsonl")
    forged.write_text("\n".join([lines[0].replace("}", ',"chain":"another"}'), *lines[1:]]))
    assert problems(shared, forged) == [("foreign", None)]
    assert problems(shared, forged, "--against", log_url)[-1] == ("foreign", 6)


def test_auditing_needs_only_the_right_to_read(shared: Log, log_url: str) -> None:
    schema = parse(log_url).schema
    change(
        log_url,
        f"CREATE ROLE reader_{schema} LOGIN PASSWORD 'reads';"
        f' GRANT USAGE ON SCHEMA "{schema}" TO reader_{schema};'
        f' GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO reader_{schema}',
    )
    place = log_url.partition("@")[2]
    reader = f"postgresql://reader_{schema}:reads@{place}"
    file, head = shared.export()
    beside, same = shared.export("--store", reader, name="read.jsonl")
    assert (beside.read_bytes(), same) == (file.read_bytes(), head)
