"""What the page about operating a team's servers promises, with its own examples."""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import yaml

from crewai_hitl_nb.cli.main import commands
from crewai_hitl_nb.client import Endpoint
from crewai_hitl_nb.kernel.bridge.bridge import Bridge
from crewai_hitl_nb.protocol.events import HumanInputCompleted, Source
from crewai_hitl_nb.store.postgres.schema import VERSION
from examples.team.database import programs, run
from tests.cli.command import clean_env
from tests.events import required
from tests.jupyter_process import REPOSITORY, free_port
from tests.postgres import Cluster, cluster
from tests.server.door import client, ids, note, question, until
from tests.server.readers import TRANSPORTS, reading
from tests.team.servers import KEY, Replica, team
from tests.test_docs import code_blocks

PAGE = REPOSITORY / "docs" / "operating-a-team.md"
TEAM_SERVER = REPOSITORY / "docs" / "team-server.md"

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]


def example(language: str, words: str) -> str:
    """Return the one example of the page that has these words."""
    (found,) = [block for block in code_blocks(PAGE, language) if words in block]
    return found


@pytest.fixture(scope="module")
def archiving() -> Iterator[Cluster]:
    """A database that archives its WAL as the page shows it."""
    lines = example("ini", "archive_command").replace("/var/backups/hitl/wal", "../archive")
    settings = dict(re.findall(r"^(\w+) = '?(.+?)'?$", lines, re.M))
    with cluster(settings) as running:
        (running.folder / "archive").mkdir()
        give(running.folder / "archive")
        yield running


@pytest.fixture
def store(archiving: Cluster) -> str:
    """The URL of a log of the default name, in a database of this test."""
    name = f"log_{uuid.uuid4().hex}"
    with psycopg.connect(archiving.url(), autocommit=True) as database:
        database.execute(f'CREATE DATABASE "{name}"')
    return archiving.url(name)


def give(path: Path) -> None:
    """Give a path to the user who runs PostgreSQL."""
    if os.geteuid() == 0:
        shutil.chown(path, "postgres", "postgres")


def shell(command: str, folder: Path, url: str) -> None:
    """Run an example for a shell, beside PostgreSQL's programs."""
    path = f"{programs()}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "DATABASE": url}
    done = subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def sql(statements: str, url: str) -> list[tuple[object, ...]]:
    """Run an example in SQL; return the rows of the last statement."""
    with psycopg.connect(url, autocommit=True) as database:
        for statement in filter(str.strip, statements.split(";")):
            cursor = database.execute(statement)
        return cursor.fetchall() if cursor.description else []


async def epoch(server: Replica) -> str:
    return str((await server.get("health"))["epoch"])


async def test_readers_get_a_gap_and_a_new_epoch_when_a_dump_is_restored_under_running_servers(
    store: str, tmp_path: Path
) -> None:
    with team(store, tmp_path) as start:
        one, two = start(), start()
        await one.publish(question("q1"), note("kept"))
        before = await epoch(one)
        shell(example("sh", "pg_dump"), tmp_path, store)
        await one.publish(note("lost"))
        async with client(two) as http:
            answer = {"human_feedback": "Good."}
            assert (await http.post("requests/q1/answer", json=answer)).status_code == 200
        async with reading("ws", two, replay="all") as reader:
            await reader.until("lost")
        shell(example("sh", "pg_restore"), tmp_path, store)
        for server in (one, two):
            await until(partial(epoch, server), lambda now: now != before)
        assert await epoch(one) == await epoch(two)
        await two.until_status("q1", "pending")
        await two.publish(note("new"))
        for transport in TRANSPORTS:
            async with reading(transport, one, last_event_id="lost") as reader:
                assert ids(await reader.until("new"))[-2:] == ["kept", "new"]
                assert [gap["reason"] for gap in reader.gaps] == ["unknown_event_id"]
            async with reading(transport, one, last_event_id="kept") as reader:
                assert ids(await reader.until("new")) == ["new"]
                assert reader.gaps == []


async def test_a_process_whose_question_is_lost_in_a_restore_asks_again_and_gets_its_answer(
    store: str, tmp_path: Path
) -> None:
    with team(store, tmp_path) as start:
        server = start()
        await server.publish(note("kept"))
        shell(example("sh", "pg_dump"), tmp_path, store)
        bridge = Bridge(Endpoint(server.url, KEY), "the-process")
        asked = bridge.open(required("q1", source=Source(id="the-process")))
        try:
            await asyncio.wrap_future(asked.posted)
            before = await epoch(server)
            shell(example("sh", "pg_restore"), tmp_path, store)
            await until(partial(epoch, server), lambda now: now != before)

            async with client(server) as http:
                is_asked = partial(http.get, "requests/q1")
                await until(is_asked, lambda reply: bool(reply.status_code == 200))
                path = "requests/q1/answer"
                assert (await http.post(path, json={"human_feedback": "Low"})).status_code == 200
            closing = await asyncio.wrap_future(asked.outcome)
            assert isinstance(closing, HumanInputCompleted)
            assert closing.human_feedback == "Low"
        finally:
            await asyncio.to_thread(bridge.close, "interrupted", 5.0)


async def test_servers_that_start_on_a_restored_log_have_the_new_epoch_and_valid_seals(
    store: str, tmp_path: Path
) -> None:
    with team(store, tmp_path) as start:
        server = start()
        await server.publish(note("kept"))
        before = await epoch(server)
        shell(example("sh", "pg_dump"), tmp_path, store)
        await server.publish(note("lost"))
        head = exported(store, "before.jsonl", tmp_path)
        server.stop()
        shell(example("sh", "pg_restore"), tmp_path, store)
        sql(example("sql", "gen_random_uuid"), store)
        server = start()
        assert await epoch(server) != before
        await server.publish(note("new"))
        async with reading("ws", server, last_event_id="lost") as reader:
            assert ids(await reader.replayed()) == ["kept", "new"]
            assert len(reader.gaps) == 1
        exported(store, "after.jsonl", tmp_path)
        verify = ("audit", "verify", "after.jsonl", "--json")
        verified = crewai_hitl(*verify, folder=tmp_path)
        assert (verified.returncode, json.loads(verified.stdout)["ok"]) == (0, True)
        assert crewai_hitl(*verify, "--head", head, folder=tmp_path).returncode == 1


def crewai_hitl(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "crewai_hitl_nb.cli", *arguments],
        env=clean_env(folder, PYTHONPATH=str(REPOSITORY)),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def exported(store: str, trail: str, folder: Path) -> str:
    """Export the audit trail to a file and return its head."""
    done = crewai_hitl("audit", "--store", store, "--output", trail, folder=folder)
    assert done.returncode == 0, done.stderr
    last = json.loads((folder / trail).read_text().splitlines()[-1])
    return f"{last['offset']}:{last['seal']}"


async def test_an_event_that_waits_for_a_standby_is_not_acknowledged_and_nobody_sees_it(
    own: Cluster, tmp_path: Path
) -> None:
    with team(own.url(), tmp_path) as start:
        server = start()
        name_standby("one", own)
        await asyncio.to_thread(until_commits_wait, own)
        async with reading("ws", server) as reader, client(server) as http:
            refused = await http.post("events", json=note("e1"), timeout=60)
            assert refused.status_code == 503
            assert refused.json()["error"] == "outcome_unknown"
            assert await server.events() == []
            name_standby("", own)
            assert ids(await reader.until("e1")) == ["e1"]


def name_standby(name: str, database: Cluster) -> None:
    sql(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'", database.url())
    sql("SELECT pg_reload_conf()", database.url())


def until_commits_wait(database: Cluster) -> None:
    """Wait until a commit waits for a standby: the database reads its settings in its own time."""
    with (
        psycopg.connect(database.url(), autocommit=True) as session,
        ThreadPoolExecutor(1) as aside,
    ):
        waits = f"SELECT wait_event FROM pg_stat_activity WHERE pid = {session.info.backend_pid}"
        while True:
            writing = aside.submit(session.execute, "COMMENT ON DATABASE postgres IS 'waits'")
            while not writing.done():
                if sql(waits, database.url()) == [("SyncRep",)]:
                    session.cancel()
                    writing.result()
                    return


async def test_running_servers_notice_a_restore_to_an_earlier_moment(
    archiving: Cluster, tmp_path: Path
) -> None:
    base = archiving.folder / "base"
    backup = example("sh", "pg_basebackup").replace("/var/backups/hitl/base", str(base))
    program, *options = shlex.split(backup.replace('"$DATABASE"', archiving.url()))
    with team(archiving.url(schema="crewai_hitl"), tmp_path) as start:
        server = start()
        await server.publish(note("in the backup"))
        run(program, *options)
        await server.publish(note("in the archive"))
        sql("SELECT pg_create_restore_point('here')", archiving.url())
        await server.publish(note("lost"))
        before = await epoch(server)
        sql("SELECT pg_switch_wal()", archiving.url())
        archiving.stop()  # when it stops it archives what is left
        shutil.rmtree(archiving.data)
        base.rename(archiving.data)
        lines = example("ini", "restore_command").replace("/var/backups/hitl/wal", "../archive")
        with (archiving.data / "postgresql.conf").open("a") as file:
            file.write(re.sub("recovery_target_time = .*", "recovery_target_name = 'here'", lines))
        (archiving.data / "recovery.signal").touch()
        give(archiving.data / "recovery.signal")
        archiving.start()
        await until(partial(epoch, server), lambda now: now != before)
        async with reading("ws", server, last_event_id="lost") as reader:
            assert ids(await reader.replayed()) == ["in the backup", "in the archive"]
            assert len(reader.gaps) == 1


async def test_the_statements_of_the_page_tell_sizes_versions_and_lag(
    store: str, tmp_path: Path
) -> None:
    with team(store, tmp_path) as start:
        server = start()
        await server.publish(*(note(str(number)) for number in range(10)))
        ((events, text, disk),) = sql(example("sql", "bytes_on_disk"), store)
        assert events == 10
        assert isinstance(text, int)
        assert isinstance(disk, int)
        assert disk > text > 0
        ((_, version, is_running),) = sql(example("sql", "is_running"), store)
        assert (version, is_running) == (VERSION, True)
        assert sql(example("sql", "pg_stat_replication"), store) == []


async def test_a_server_runs_with_the_role_and_the_database_of_the_page(
    archiving: Cluster, tmp_path: Path
) -> None:
    name = f"hitl_{uuid.uuid4().hex}"
    sql(re.sub(r"\bhitl\b", name, example("sql", "CREATE ROLE")), archiving.url())
    url = f"postgresql://{name}:a-long-random-one@127.0.0.1:{archiving.port}/{name}"
    with team(url, tmp_path) as start:
        assert (await start().get("health"))["status"] == "healthy"


async def test_the_alerts_use_metrics_that_a_team_s_server_has(store: str, tmp_path: Path) -> None:
    ((group),) = yaml.safe_load(example("yaml", "alert:"))["groups"]
    with team(store, tmp_path) as start:
        server = start()
        await server.publish(note())
        async with client(server) as http:
            shown = (await http.get("metrics")).text
    for rule in group["rules"]:
        (named,) = re.findall(r"\bcrewai_hitl_\w+", rule["expr"])
        assert re.search(rf"^{named}[{{ ]", shown, re.M), named


async def test_the_unit_starts_the_server_with_options_that_exist_until_its_database_is_there() -> (
    None
):
    unit = example("ini", "ExecStart").replace("\\\n", "")
    line = re.search(r"ExecStart=(.+)", unit)
    assert line is not None
    _, command, *words = shlex.split(line[1])
    given = {word for word in words if word.startswith("--")}
    assert given <= {name for option in commands.commands[command].params for name in option.opts}
    drain, stop = (
        re.search(r"--drain-seconds (\d+)", unit),
        re.search(r"TimeoutStopSec=(\d+)", unit),
    )
    assert drain is not None
    assert stop is not None
    assert int(drain[1]) < int(stop[1])
    (settings,) = re.findall(r"\(systemd: (.+); Kubernetes", TEAM_SERVER.read_text())
    _, *others = re.findall(r"`(\w+=[-\w]+)`", settings)
    assert len(others) == 2
    assert set(others) <= set(unit.splitlines())  # an outage at the start ends no server for good


@contextmanager
def nginx(servers: Sequence[Replica], folder: Path) -> Iterator[str]:
    """Run nginx with the configuration of the page in front of two servers."""
    port = free_port()
    lines = example("nginx", "upstream").replace("listen 8000", f"listen 127.0.0.1:{port}")
    for number, server in enumerate(servers, start=1):
        lines = lines.replace(f"10.0.0.{number}:8000", urlsplit(server.url).netloc)
    assert "10.0.0." not in lines
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        lines += f"{kind}_temp_path {folder}/{kind};\n"
    config = folder / "nginx.conf"
    config.write_text(
        f"pid {folder}/pid; daemon off; events {{}} http {{ access_log off;\n{lines}}}\n"
    )
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "nginx is needed: apt-get install nginx"
    with subprocess.Popen([program, "-c", config, "-e", folder / "nginx.log"]) as running:
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            running.terminate()


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_events_and_answers_pass_nginx_when_one_of_its_servers_is_killed(
    store: str, tmp_path: Path, transport: str
) -> None:
    with team(store, tmp_path) as start:
        servers = [start(), start()]
        with nginx(servers, tmp_path) as url:
            balanced = Balanced(url, KEY)

            async def is_up() -> bool:
                with suppress(httpx.TransportError):
                    async with client(balanced) as http:
                        return (await http.get("health")).status_code == 200
                return False

            await until(is_up, bool)
            servers[0].kill()
            async with client(balanced) as http:
                assert (await until(partial(http.get, "health"), is_ok)).status_code == 200
                async with reading(transport, balanced, replay="all") as reader:
                    asked = await http.post("events", json=question("q1", event_id="e1"))
                    assert asked.status_code == 200, asked.text
                    assert ids(await reader.until("e1")) == ["e1"]
                answer = {"human_feedback": "Good."}
                answered = await http.post("requests/q1/answer", json=answer)
                assert answered.status_code == 200, answered.text


def is_ok(reply: httpx.Response) -> bool:
    return reply.status_code == 200


class Balanced(NamedTuple):
    """The address of a load balancer."""

    url: str
    token: str
