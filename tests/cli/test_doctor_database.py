"""`crewai-hitl doctor` on the database that a log is kept in, and on one that is set up wrongly."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from crewai_hitl_nb.cli import database_checks
from crewai_hitl_nb.store.open import locate, open_store
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.inspection import examine
from tests.cli.command import Commands, Json, clean_env
from tests.pgbouncer import pooler
from tests.postgres import PASSWORD, Cluster, cluster

WELL = {
    "database": "ok",
    "database version": "ok",
    "database rights": "ok",
    "synchronous_commit": "ok",
    "fsync": "ok",
    "notifications": "ok",
    "connections": "ok",
    "database clock": "ok",
}


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    """A database that survives a power failure, unlike that of the other tests."""
    with cluster({"fsync": "on"}) as running:
        yield running


def examined(tmp_path: Path, url: str) -> dict[str, Json]:
    """Return the checks of a database by name."""
    result = Commands(clean_env(tmp_path, CREWAI_HITL_STORE=url))("doctor", "--json")
    assert PASSWORD not in result.output
    checks = [json.loads(line) for line in result.stdout.splitlines()]
    names = [check["name"] for check in checks]
    found = {check["name"]: check for check in checks[names.index("stdin") + 1 :]}
    for check in found.values():
        assert check["mend"] or check["state"] != "broken"
    return found


def states(checks: dict[str, Json]) -> dict[str, str]:
    return {name: check["state"] for name, check in checks.items()}


def run_script(url: str, statements: str) -> None:
    session = parse(url).connect()
    session.run_script(statements)
    session.close()


def tables(url: str) -> int:
    session = parse(url).connect()
    row = session.execute(
        "SELECT count(*) FROM pg_namespace WHERE nspname = %(name)s", {"name": parse(url).schema}
    ).fetchone()
    session.close()
    assert row is not None
    return int(row[0])


def test_a_database_that_suits_is_ok_in_every_respect_and_stays_as_it_was(
    tmp_path: Path, log_url: str
) -> None:
    assert states(examined(tmp_path, log_url)) == WELL
    assert tables(log_url) == 0
    store = open_store(locate(log_url))

    async def use() -> None:
        await store.start(lambda commits: None)
        await store.close()

    asyncio.run(use())
    assert states(examined(tmp_path, log_url)) == WELL


def test_no_database_is_checked_where_none_is_named(tmp_path: Path) -> None:
    checks = Commands(clean_env(tmp_path))("doctor", "--json").stdout
    assert "database" not in checks
    (said,) = examined(tmp_path, "log.db").values()
    assert (said["name"], said["state"]) == ("store", "note")


@pytest.mark.parametrize(
    ("old", "new", "name", "fix"),
    [
        (PASSWORD, f"{PASSWORD}-2", "database", "check user and password"),
        ("/postgres?", "/none_such?", "database", "createdb"),
        ("?", "?no_such=1&", "store", "`schema` and `listen`"),
    ],
)
def test_a_database_that_cannot_be_reached_is_broken(
    tmp_path: Path, log_url: str, old: str, new: str, name: str, fix: str
) -> None:
    checks = examined(tmp_path, log_url.replace(old, new))
    assert states(checks) == {name: "broken"}
    assert fix in checks[name]["mend"]


def test_missing_rights_and_foreign_tables_are_broken(tmp_path: Path, log_url: str) -> None:
    guest = f"guest_{uuid.uuid4().hex}"
    run_script(log_url, f"CREATE ROLE {guest} LOGIN PASSWORD '{PASSWORD}'")
    rights = examined(tmp_path, log_url.replace("//hitl:", f"//{guest}:"))["database rights"]
    assert rights["state"] == "broken"
    assert "GRANT CREATE ON DATABASE" in rights["mend"]
    schema = parse(log_url).schema
    run_script(log_url, f"CREATE SCHEMA {schema}; CREATE TABLE log.orders (id int)")
    rights = examined(tmp_path, log_url)["database rights"]
    assert rights["state"] == "broken"
    assert "another application" in rights["message"]
    assert "?schema=NAME" in rights["mend"]


@pytest.fixture(scope="module")
def careless() -> Iterator[Cluster]:
    """A database that is fast and forgets."""
    settings = {
        "synchronous_commit": "off",
        "fsync": "off",
        "full_page_writes": "off",
        "max_connections": "8",
        "max_wal_senders": "0",
    }
    with cluster(settings) as running:
        yield running


def test_settings_that_lose_answers_are_named(tmp_path: Path, careless: Cluster) -> None:
    checks = examined(tmp_path, careless.url())
    assert checks["synchronous_commit"]["state"] == "broken"
    assert "synchronous_commit = on" in checks["synchronous_commit"]["mend"]
    assert checks["fsync"]["state"] == "note"
    assert "fsync and full_page_writes are off" in checks["fsync"]["message"]
    assert checks["connections"]["state"] == "broken"
    assert "max_connections" in checks["connections"]["mend"]


def test_a_setting_of_this_user_counts(tmp_path: Path, careless: Cluster) -> None:
    run_script(
        careless.url(),
        f"CREATE ROLE careful LOGIN SUPERUSER PASSWORD '{PASSWORD}';"
        " ALTER ROLE careful SET synchronous_commit = on; ALTER ROLE careful CONNECTION LIMIT 2",
    )
    checks = examined(tmp_path, careless.url().replace("//hitl:", "//careful:"))
    assert checks["synchronous_commit"]["state"] == "ok"
    assert checks["connections"]["message"].startswith("1 are free")


def test_behind_a_pooler_notifications_need_an_address_of_their_own(
    tmp_path: Path, log_url: str, database: Cluster
) -> None:
    with pooler(database) as pgbouncer:
        url = pgbouncer.url(schema=parse(log_url).schema)
        checks = examined(tmp_path, url)
        assert states(checks) == WELL | {"notifications": "broken", "connections": "note"}
        assert "?listen=HOST:PORT" in checks["notifications"]["mend"]
        direct = examined(tmp_path, f"{url}&listen=127.0.0.1:{database.port}")
        assert states(direct) == WELL | {"connections": "note"}
        wrong = examined(tmp_path, f"{url}&listen=127.0.0.1:1")["notifications"]
        assert (wrong["state"], "start the database" in wrong["mend"]) == ("broken", True)


@pytest.mark.parametrize(
    ("planted", "name", "says"),
    [
        ({"version": 140_025}, "database version", "PostgreSQL 14.25 is no longer supported"),
        ({"clock_ahead": 90.0}, "database clock", "90 s ahead of this machine's"),
        ({"clock_ahead": -90.0}, "database clock", "90 s behind this machine's"),
        (
            {"synchronous_commit": "local", "standbys": "one"},
            "synchronous_commit",
            "a failover to a standby can lose answers",
        ),
    ],
)
def test_what_no_database_of_the_tests_is_like_is_said_as_well(
    log_url: str, planted: dict[str, object], name: str, says: str
) -> None:
    facts = msgspec.structs.replace(examine(parse(log_url)), **planted)
    judge = {
        "database version": database_checks._version,
        "database clock": database_checks._clock,
        "synchronous_commit": database_checks._durability,
    }
    check = judge[name](facts)
    assert check.state != "ok"
    assert says in check.message
    assert check.fix
