"""`crewai-hitl salvage`: repairs a damaged log, keeps it, and reports in words or as JSON."""

import asyncio
from pathlib import Path

import pytest

from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.chaos.logs import fill
from tests.cli.command import Commands, clean_env, running


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log without its header and with one answer that cannot be read."""
    path = tmp_path / "log.db"
    asyncio.run(fill(path))
    whole = path.read_bytes()
    path.write_bytes(bytes(100) + whole[100:].replace(b"the answer to 3", b"\xff\xfee answer to 3"))
    return path


@pytest.fixture
def cli(tmp_path: Path) -> Commands:
    return Commands(clean_env(tmp_path))


def test_it_says_what_was_kept_and_what_was_lost(cli: Commands, log: Path) -> None:
    damaged = log.read_bytes()
    result = cli("salvage", str(log))
    assert result.exit_code == 0, result.output
    first, *rest = result.stdout.splitlines()
    assert first.startswith(f"{log} is the new log; the damaged one is {log}.damaged-")
    assert Path(first.rpartition(" ")[2]).read_bytes() == damaged
    assert rest == [
        "kept 59 events, 12 open questions; lost 1 events",
        "lost offsets: 20",
        "cancelled, because their closing event was lost: done-3",
    ]


def test_json_says_the_same(cli: Commands, log: Path) -> None:
    (said,) = cli.lines("salvage", str(log))
    assert (said["kept"], said["lost"], said["ended"]) == (59, [[20, 20]], ["done-3"])


def test_with_to_nothing_is_moved(cli: Commands, log: Path) -> None:
    damaged, new = log.read_bytes(), log.with_name("new.db")
    result = cli("salvage", str(log), "--to", str(new))
    assert (result.exit_code, log.read_bytes()) == (0, damaged)
    assert new.exists()


def test_a_server_serves_the_new_log(cli: Commands, log: Path, tmp_path: Path) -> None:
    env = clean_env(tmp_path)
    serve = ("serve", "--host", "127.0.0.1", "--port", "0", "--store", str(log))
    with running(*serve, env=env) as server:
        assert f"crewai-hitl salvage {log}" in server.err.next()
        assert server.process.wait() == 1
    assert cli("salvage", str(log)).exit_code == 0
    with running(*serve, env=env) as server:
        assert str(log) in server.out.next()
        assert server.end() == 0


def test_nothing_is_done_while_a_server_runs(cli: Commands, tmp_path: Path) -> None:
    async def try_it() -> None:
        store = SqliteStore(tmp_path / "log.db")
        await store.start(lambda commits: None)
        result = await asyncio.to_thread(cli, "salvage", str(tmp_path / "log.db"))
        await store.close()
        assert result.exit_code == 1
        assert "stop it first" in result.stderr

    asyncio.run(try_it())


def test_a_file_that_is_no_log_is_left_alone(cli: Commands, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear aunt, " * 1000)
    result = cli("salvage", str(tmp_path / "letter.txt"))
    assert result.exit_code == 1
    assert "no event can be read" in result.stderr
    assert (tmp_path / "letter.txt").read_text() == "Dear aunt, " * 1000
