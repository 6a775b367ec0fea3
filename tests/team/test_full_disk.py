"""The disk of a log is full while servers run, and has room again."""

import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import anyio
import httpx
import psycopg
import pytest

from tests.cli.command import PROGRAM, clean_env
from tests.postgres import Cluster, cluster
from tests.server.door import Json, client, ids, note, question, until
from tests.team.servers import Replica, team

pytestmark = pytest.mark.asyncio

LARGE = 100_000


class Disk:
    """A small disk that belongs to PostgreSQL.

    Attributes:
        folder: Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Let something else use up what is left of it."""
        with (self.folder / "ballast").open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                pass

    def make_read_only(self) -> None:
        """Let nothing be written to it."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)

    def make_room(self) -> None:
        """Remove that, and let the disk grow."""
        (self.folder / "ballast").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=200m", str(self.folder)], check=True)


@pytest.fixture
def disk() -> Iterator[Disk]:
    # Not in pytest's folder: PostgreSQL runs as another user, who may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="hitl-disk-", dir="/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m,mode=755", "tmpfs", str(folder)]
    try:
        if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
            pytest.skip("this user may not mount a file system")
        folder.chmod(0o755)
        inside = folder / "of-postgres"
        inside.mkdir()
        shutil.chown(inside, "postgres", "postgres")
        try:
            yield Disk(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


async def publish(replica: Replica, *events: Json) -> httpx.Response:
    async with client(replica) as http:
        return await http.post("events", json=list(events))


async def until_refused(replica: Replica, stored: list[str]) -> Json:
    """Publish large events until one is refused; return what it was told."""
    async with client(replica) as http:
        while True:
            name = f"large-{len(stored)}"
            event = note(name, text=secrets.token_hex(LARGE))
            reply = await http.post("events", json=[event])
            if reply.status_code != 200:
                assert reply.status_code == 503, reply.text
                refused: Json = reply.json()
                return refused
            stored.append(name)


async def until_degraded(replica: Replica, stored: list[str]) -> Json:
    """Publish large events until one is refused and health says so; return what it says.

    It says so for five seconds, and longer if small events are refused as well.
    """

    async def look() -> Json:
        await until_refused(replica, stored)
        return await replica.get("health")

    return await until(look, lambda health: bool(health["status"] == "degraded"))


async def until_stored(replica: Replica, *events: Json) -> None:
    """Publish until it is stored, as a client does."""
    await until(partial(publish, replica, *events), lambda reply: reply.status_code == 200)


async def is_degraded(replica: Replica) -> bool:
    return bool((await replica.get("health"))["status"] == "degraded")


async def all_kept(replica: Replica) -> list[str]:
    found: list[str] = []
    while True:
        cursor = f"&last_event_id={found[-1]}" if found else ""
        page = await replica.get(f"poll/human-input?limit=50{cursor}")
        if not page["events"]:
            return found
        found += ids(page["events"])


def lines_about(replica: Replica, what: str) -> int:
    return replica.log.read_text().count(what)


async def test_a_full_disk_refuses_appends_in_words_and_nothing_that_was_stored_is_lost(
    own: Cluster, disk: Disk, tmp_path: Path
) -> None:
    with psycopg.connect(own.url(), autocommit=True) as session:
        session.execute(
            f"CREATE TABLESPACE small LOCATION '{disk.folder / 'of-postgres'}'".encode()
        )
    url = own.url(options=quote("-c default_tablespace=small", safe=""))
    with team(url, tmp_path) as start:
        one, other = start(), start()
        await one.publish(question("open", event_id="open"))
        stored: list[str] = ["open"]
        told = await until_refused(one, stored)
        assert told["error"] == "store_unavailable"
        assert "nothing was stored" in told["message"]
        assert "free some space on the database's disk" in told["message"]
        health = await until_degraded(one, stored)
        assert "free some space on the database's disk" in health["message"]
        for replica in (one, other):
            assert await all_kept(replica) == stored
            refused = await publish(replica, note("again", text=secrets.token_hex(LARGE)))
            assert refused.status_code == 503
        disk.make_room()
        await until_stored(one, note("again", text=secrets.token_hex(LARGE)))
        async with client(other) as http:
            reply = await http.post("requests/open/answer", json={"human_feedback": "Yes."})
        assert reply.status_code == 200, reply.text
        for replica in (one, other):
            await until(partial(is_degraded, replica), lambda degraded: not degraded)
            kept = await all_kept(replica)
            assert kept[:-1] == [*stored, "again"]
        assert lines_about(one, "store_unavailable") == 1
        assert lines_about(one, "store_available") == 1


async def test_a_database_that_dies_of_a_full_disk_of_its_log_loses_nothing_that_was_stored(
    disk: Disk, tmp_path: Path
) -> None:
    wal = disk.folder / "of-postgres" / "wal"
    with cluster(wal=wal) as own, team(own.url(), tmp_path) as start:
        one, other = start(), start()
        await one.publish(question("open", event_id="open"))
        stored: list[str] = ["open"]
        disk.fill()
        told = await until_refused(one, stored)
        assert told["error"] in ("store_unavailable", "outcome_unknown")
        await until_degraded(one, stored)
        disk.make_room()
        if not own.is_running:
            own.start()
        await until_stored(other, note("again"))
        async with client(one) as http:
            reply = await http.post("requests/open/answer", json={"human_feedback": "Yes."})
        assert reply.status_code == 200, reply.text
        for replica in (one, other):
            await until(partial(is_degraded, replica), lambda degraded: not degraded)
            kept = await all_kept(replica)
            assert kept[: len(stored)] == stored
            assert kept[-2] == "again"


async def test_a_full_disk_of_a_log_in_sqlite_is_named_by_health_until_there_is_room(
    disk: Disk, tmp_path: Path
) -> None:
    with team(str(disk.folder / "log.db"), tmp_path) as start:
        server = start()
        await server.publish(question("open", event_id="open"))
        stored: list[str] = ["open"]
        disk.fill()
        told = await until_refused(server, stored)
        assert told["error"] == "store_unavailable"
        assert "nothing was stored" in told["message"]
        assert "free some space on its disk" in told["message"]
        health = await until_degraded(server, stored)
        assert "free some space on its disk" in health["message"]
        assert await all_kept(server) == stored
        disk.make_room()
        await until(partial(is_degraded, server), lambda degraded: not degraded)  # nobody writes
        assert "message" not in await server.get("health")
        await until_stored(server, note("again", text=secrets.token_hex(LARGE)))
        async with client(server) as http:
            reply = await http.post("requests/open/answer", json={"human_feedback": "Yes."})
        assert reply.status_code == 200, reply.text
        assert (await all_kept(server))[:-1] == [*stored, "again"]
        assert lines_about(server, "store_unavailable") == 1
        assert lines_about(server, "store_available") == 1


async def test_a_read_only_disk_of_a_log_in_sqlite_is_one_line_with_what_to_do(
    disk: Disk, tmp_path: Path
) -> None:
    disk.make_read_only()
    env = clean_env(tmp_path)
    command = [*PROGRAM, "serve", "--port", "0", "--store", str(disk.folder / "log.db")]
    done = await anyio.run_process(command, env=env, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert "Read-only file system" in line
    assert "mount its disk for writing, or give the log another path" in line
