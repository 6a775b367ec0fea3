"""`crewai-hitl copy`: moves a log between a file and PostgreSQL, in words or as JSON."""

import asyncio
import json
import shutil
import signal
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.store import copying
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.open import locate, open_store
from crewai_hitl_nb.store.postgres.connections import parse
from tests.chaos.logs import fill
from tests.cli.command import Commands, clean_env, running
from tests.events import other
from tests.postgres import PASSWORD, Cluster

SERVE = ("serve", "--host", "127.0.0.1", "--port", "0", "--json", "--store")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with 60 events, 12 open questions among them."""
    path = tmp_path / "log.db"
    asyncio.run(fill(path))
    return path


@pytest.fixture
def cli(tmp_path: Path) -> Commands:
    return Commands(clean_env(tmp_path))


def change(url: str, statement: str) -> None:
    """Change a log behind its servers' backs."""
    log = parse(url).connect()
    try:
        log.run_script(statement)
    finally:
        log.close()


def answer(url: str, request_id: str) -> str:
    """Answer one of the questions of the log that a server serves; return its status."""
    with Client(url) as client:
        client.answer(request_id, "Yes")
        return client.request(request_id).status


def test_it_moves_a_log_to_postgresql_and_says_what_it_did(
    cli: Commands, log: Path, log_url: str
) -> None:
    result = cli("copy", str(log), log_url)
    assert result.exit_code == 0, result.output
    shown = str(locate(log_url))
    first, head = result.stdout.splitlines()
    assert first == f"moved 60 events and 24 requests to {shown}; {log} is retired"
    assert result.stderr.splitlines() == [
        f"begun copying from {log} to {shown}: 0 of 60 events",
        "copied 60 of 60 events",
        "verifying the copy",
    ]
    assert PASSWORD not in result.output
    audit = cli("audit", "--store", log_url)
    assert audit.stderr.strip() == head


def test_json_says_the_same(cli: Commands, log: Path, tmp_path: Path) -> None:
    (said,) = cli.lines("copy", str(log), str(tmp_path / "new.db"))
    assert (said["events"], said["requests"], said["unproven"]) == (60, 24, [])
    assert (said["source"], said["target"]) == (str(log), str(tmp_path / "new.db"))


def test_the_audit_of_a_file_and_of_its_copy_in_postgresql_are_identical(
    cli: Commands, log: Path, log_url: str, tmp_path: Path
) -> None:
    trails = [tmp_path / "before.jsonl", tmp_path / "after.jsonl"]
    for trail, where in zip(trails, (str(log), log_url), strict=True):
        exported = cli("audit", "--store", where, "--output", str(trail))
        assert exported.exit_code == 0, exported.output
        if trail is trails[0]:
            assert cli("copy", str(log), log_url).exit_code == 0
    assert trails[0].read_bytes() == trails[1].read_bytes()
    verified = cli("audit", "verify", str(trails[0]), "--against", log_url)
    assert verified.exit_code == 0, verified.output
    assert verified.stdout.startswith("verified  60 records")


def test_a_server_continues_with_the_copy_and_not_with_the_retired_log(
    cli: Commands, log: Path, log_url: str, tmp_path: Path
) -> None:
    env = clean_env(tmp_path)
    with running(*SERVE, str(log), env=env) as server:
        assert answer(server.json()["url"], "open-1") == "answered"
        assert server.end() == 0
    assert cli("copy", str(log), log_url).exit_code == 0
    with running(*SERVE, str(log), env=env) as server:
        (line,) = server.err.rest()
        assert (server.process.wait(), "was retired on" in line) == (1, True)
        assert f"use its copy, {locate(log_url)}" in line
    with running(*SERVE, log_url, env=env) as server:
        assert answer(server.json()["url"], "open-2") == "answered"
        assert server.end() == 0


def test_a_log_is_not_copied_while_its_server_runs(
    cli: Commands, log: Path, log_url: str, tmp_path: Path
) -> None:
    with running(*SERVE, str(log), env=clean_env(tmp_path)) as server:
        server.json()
        result = cli("copy", str(log), log_url)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == f"crewai-hitl: {log} belongs to a running server; stop it first\n"
        assert server.end() == 0
    assert cli("copy", str(log), log_url).exit_code == 0


def test_a_retired_log_can_be_audited_but_neither_copied_nor_salvaged(
    cli: Commands, log: Path, log_url: str, tmp_path: Path
) -> None:
    before = cli("audit", "--store", str(log))
    assert cli("copy", str(log), log_url).exit_code == 0
    after = cli("audit", "--store", str(log))
    assert (after.exit_code, after.stdout) == (0, before.stdout)
    note, head = after.stderr.splitlines()
    assert note.startswith("note: this log was retired on ")
    assert f"use its copy, {locate(log_url)}" in note
    assert f"{head}\n" == before.stderr
    for command in (("copy", str(log), str(tmp_path / "again.db")), ("salvage", str(log))):
        refused = cli(*command)
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
        assert "was retired on" in refused.stderr
    assert not (tmp_path / "again.db").exists()


def test_a_retired_log_in_postgresql_says_so_too(
    cli: Commands, log: Path, log_url: str, tmp_path: Path
) -> None:
    back = tmp_path / "back.db"
    assert cli("copy", str(log), log_url).exit_code == 0
    assert cli("copy", log_url, str(back)).exit_code == 0
    assert f"use its copy, {back}" in cli("audit", "--store", log_url).stderr
    assert f"use its copy, {back}" in cli("doctor", "--store", log_url).stdout
    refused = cli("copy", log_url, str(tmp_path / "again.db"))
    assert (refused.exit_code, "was retired on" in refused.stderr) == (1, True)
    with running(*SERVE, log_url, env=clean_env(tmp_path)) as server:
        (line,) = server.err.rest()
        assert (server.process.wait(), f"use its copy, {back}" in line) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_copy_that_was_interrupted_is_finished_by_the_same_command(
    cli: Commands, log_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "log.db"
    asyncio.run(write(log, 20_000))
    before = cli("audit", "--store", str(log)).stdout
    with running("copy", str(log), log_url, env=clean_env(tmp_path)) as command:
        assert command.err.next().startswith("begun copying")
        assert command.err.next().startswith("copied ")
        assert command.end(number) != 0
        assert command.out.rest() == []
        assert "Traceback" not in "\n".join(command.err.rest())
    assert cli("audit", "--store", str(log)).stdout == before
    incomplete = cli("audit", "--store", log_url)
    assert "run the same `crewai-hitl copy` again to finish it" in incomplete.stderr
    again = cli("copy", str(log), log_url)
    assert again.exit_code == 0, again.output
    assert again.stderr.startswith(f"continued copying from {log} ")
    assert cli("audit", "--store", log_url).stdout == before


async def write(path: Path, events: int) -> None:
    store: MetadataStore = open_store(locate(path))
    await store.start(ignore)
    for _ in range(events // 1000):
        await store.append([other() for _ in range(1000)])
    await store.close()


def ignore(commits: Sequence[object]) -> None:
    """Nobody listens."""


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://hitl@127.0.0.1:1/none", "start the database"),
        ("postgresql://ada:secret@db:port/hitl", "port"),
        ("mysql://db/hitl", "there is no store for `mysql://` URLs"),
    ],
)
@pytest.mark.parametrize("command", ["copy", "audit"])
def test_a_database_that_cannot_be_used_is_one_line_with_what_to_do(
    cli: Commands, log: Path, command: str, url: str, says: str
) -> None:
    words = ("copy", str(log), url) if command == "copy" else ("audit", "--store", url)
    result = cli(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert says in result.stderr
    assert "secret" not in result.stderr


def test_an_error_is_json_for_scripts(cli: Commands, log: Path) -> None:
    result = cli("copy", str(log), ":memory:", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"] == "store_unavailable"


def test_a_file_that_does_not_exist_is_a_usage_error(cli: Commands, tmp_path: Path) -> None:
    result = cli("copy", str(tmp_path / "none.db"), str(tmp_path / "new.db"))
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
    assert cli("copy", str(tmp_path), str(tmp_path / "new.db")).exit_code == 2


def test_salvage_says_why_it_does_not_apply_to_postgresql(cli: Commands, log_url: str) -> None:
    result = cli("salvage", log_url)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "salvage is for damaged SQLite files" in result.stderr
    assert "restore a backup of the database" in result.stderr
    assert PASSWORD not in result.stderr


def test_a_copy_of_the_file_that_was_made_before_stays_another_log(
    cli: Commands, log: Path, log_url: str, tmp_path: Path
) -> None:
    shutil.copy(log, tmp_path / "backup.db")
    assert cli("copy", str(log), log_url).exit_code == 0
    refused = cli("copy", str(tmp_path / "backup.db"), log_url)
    assert (refused.exit_code, "has a log already" in refused.stderr) == (1, True)


def test_a_database_without_a_log_is_said_to_have_none(
    cli: Commands, database: Cluster, tmp_path: Path
) -> None:
    url = database.url(schema="nothing_here")
    for words in (("audit", "--store", url), ("copy", url, str(tmp_path / "new.db"))):
        result = cli(*words)
        assert result.exit_code == 1
        assert "no log" in result.stderr
    assert not (tmp_path / "new.db").exists()


# ---- servers of a log in PostgreSQL


def test_a_log_in_postgresql_is_not_copied_while_one_of_its_servers_runs(
    cli: Commands, log: Path, log_url: str, tmp_path: Path
) -> None:
    env, back = clean_env(tmp_path), str(tmp_path / "back.db")
    assert cli("copy", str(log), log_url).exit_code == 0
    with running(*SERVE, log_url, env=env) as first, running(*SERVE, log_url, env=env) as second:
        first.json()
        url = second.json()["url"]
        assert "is in use by 2 running servers; stop them" in cli("copy", log_url, back).stderr
        assert first.end(signal.SIGTERM) == 0
        refused = cli("copy", log_url, back)
        assert "is in use by a running server" in refused.stderr
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
        assert answer(url, "open-3") == "answered"
        second.process.kill()
        second.process.wait()
        killed = cli("copy", log_url, back)
        assert "a server that was killed counts for 10 seconds" in killed.stderr
    change(log_url, "UPDATE log.replicas SET expires = clock_timestamp()")
    assert not Path(back).exists()
    assert cli("copy", log_url, back).exit_code == 0
    with running(*SERVE, back, env=env) as server:
        assert answer(server.json()["url"], "open-4") == "answered"
        assert server.end() == 0


def test_a_server_that_starts_while_its_log_is_copied_writes_nothing(
    log: Path, log_url: str, tmp_path: Path
) -> None:
    now = datetime(2026, 11, 30, tzinfo=timezone.utc)
    copying.copy(locate(log), locate(log_url), now, lambda progress: None)
    lines = list[str]()

    def start(progress: copying.Progress) -> None:
        if progress.step == "verified":
            with running(*SERVE, log_url, env=clean_env(tmp_path)) as server:
                lines.extend(server.err.rest())
                assert server.process.wait() == 1

    done = copying.copy(locate(log_url), locate(tmp_path / "back.db"), now, start)
    assert done.events == 60
    (line,) = lines
    assert "another server or a `crewai-hitl copy` holds the log" in line
