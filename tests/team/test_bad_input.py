"""A database that cannot be used: one line that says why and what to do, and nothing is left."""

import asyncio
import logging
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from crewai_hitl_nb.server.host import runtime
from crewai_hitl_nb.server.host.discovery_file import Address
from crewai_hitl_nb.server.services import STARTING
from crewai_hitl_nb.store.postgres import schema
from crewai_hitl_nb.store.postgres.connections import parse
from tests.cli.command import PROGRAM, clean_env
from tests.jupyter_process import JupyterProcess, free_port
from tests.postgres import PASSWORD, Cluster, standby
from tests.server.door import until


def run_script(url: str, statements: str) -> None:
    session = parse(url).connect()
    session.run_script(statements)
    session.close()


def wrong_url(url: str) -> str:
    return url.replace("?", "?no_such=1&")


def slash_in_the_password(url: str) -> str:
    return url.replace(PASSWORD, f"{PASSWORD}/{PASSWORD}")


def unknown_host(url: str) -> str:
    return url.replace("@127.0.0.1:", "@no-such-host.invalid:")


def refused_port(url: str) -> str:
    return url.replace(f":{httpx.URL(url).port}/", f":{free_port()}/")


def wrong_password(url: str) -> str:
    return url.replace(PASSWORD, f"{PASSWORD}-2")


def missing_database(url: str) -> str:
    return url.replace("/postgres?", "/none_such?")


def missing_rights(url: str) -> str:
    name = f"guest_{uuid.uuid4().hex}"
    run_script(url, f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    return url.replace("//hitl:", f"//{name}:")


def rights_to_read_only(url: str) -> str:
    name = f"guest_{uuid.uuid4().hex}"
    target = parse(url)
    session = target.connect()
    schema.upgrade(session)
    session.run_script(
        f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'; GRANT USAGE ON SCHEMA {target.schema}"
        f" TO {name}; GRANT SELECT ON ALL TABLES IN SCHEMA {target.schema} TO {name}"
    )
    session.close()
    return url.replace("//hitl:", f"//{name}:")


def foreign_tables(url: str) -> str:
    name = parse(url).schema
    run_script(url, f"CREATE SCHEMA {name}; CREATE TABLE log.orders (id int)")
    return url


def newer_schema(url: str) -> str:
    session = parse(url).connect()
    schema.upgrade(session)
    newer = schema.VERSION + 1
    session.run_script(
        f"UPDATE log.state SET oldest_writer = {newer};"
        f" COMMENT ON SCHEMA {parse(url).schema} IS 'crewai-hitl log {newer}'"
    )
    session.close()
    return url


CASES: list[tuple[Callable[[str], str], str, str]] = [
    (wrong_url, "there is no parameter `no_such`", "`schema` and `listen`"),
    (slash_in_the_password, "the URL of the store is wrong", "`/` is `%2F`"),
    (unknown_host, "no-such-host.invalid", "check host and port in the URL"),
    (refused_port, "Connection refused", "start the database"),
    (wrong_password, "password authentication failed", "check user and password"),
    (missing_database, 'database "none_such" does not exist', "createdb"),
    (missing_rights, "permission denied", "GRANT CREATE ON DATABASE"),
    (rights_to_read_only, "permission denied for table state", "grant this user USAGE"),
    (foreign_tables, "another application", "?schema=NAME"),
    (newer_schema, "newer version", "upgrade crewai-hitl-nb"),
]
each_case = pytest.mark.parametrize(
    ("spoil", "why", "what_to_do"), CASES, ids=[case.__name__ for case, _, _ in CASES]
)


def refusal(url: str, tmp_path: Path) -> str:
    """Return the one line with which the real program ends."""
    done = subprocess.run(
        [*PROGRAM, "serve", "--port", "0"],
        env=clean_env(tmp_path, CREWAI_HITL_STORE=url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert PASSWORD not in line
    assert "by itself" not in line  # it has ended
    return line


@each_case
def test_a_server_says_in_one_line_why_it_cannot_use_its_database(
    log_url: str, tmp_path: Path, spoil: Callable[[str], str], why: str, what_to_do: str
) -> None:
    line = refusal(spoil(log_url), tmp_path)
    assert why in line
    assert what_to_do in line


def test_without_the_client_the_line_says_what_to_install(log_url: str, tmp_path: Path) -> None:
    block = "import sys; sys.modules['psycopg'] = None; from crewai_hitl_nb.cli.main import main"
    done = subprocess.run(
        [PROGRAM[0], "-c", f"{block}; sys.argv[0] = 'crewai-hitl'; main()", "serve"],
        env=clean_env(tmp_path, CREWAI_HITL_STORE=log_url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert "pip install 'crewai-hitl-nb[postgres]'" in line


@pytest.fixture
def standby_port(database: Cluster, tmp_path: Path) -> Iterator[int]:
    """The port of a standby of the test's database."""
    with standby(database) as replica:
        yield replica.port


def test_a_standby_is_refused_and_beside_its_primary_is_not_used(
    log_url: str, tmp_path: Path, database: Cluster, standby_port: int
) -> None:
    session = parse(log_url).connect()
    schema.upgrade(session)
    session.close()
    own = f"127.0.0.1:{database.port}"
    line = refusal(log_url.replace(own, f"127.0.0.1:{standby_port}"), tmp_path)
    assert "it is a standby: name its primary in the URL" in line
    both = parse(log_url.replace(own, f"127.0.0.1:{standby_port},{own}"))
    session = both.connect()
    assert session.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
    session.close()


class Jupyter(JupyterProcess):
    """A Jupyter server whose extension has no log."""

    def _await_log(self) -> None:
        assert httpx.get(f"{self.url}api", timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(wrong_password, "check user and password"), (slash_in_the_password, "`/` is `%2F`")],
)
def test_a_jupyter_server_says_why_and_the_rest_of_it_works(
    log_url: str, tmp_path: Path, spoil: Callable[[str], str], why: str
) -> None:
    server = Jupyter(tmp_path, options=(f"--HumanInputApp.store={spoil(log_url)}",))
    server.start()
    try:
        with httpx.Client(headers=server.headers, timeout=30) as http:
            assert http.get(f"{server.url}api/contents").status_code == 200
            health = http.get(f"{server.prefix}health")
            assert health.status_code == 503
            assert why in health.json()["message"]
            event = {"type": "human_input_required", "prompt": "Good?"}
            refused = http.post(f"{server.prefix}events", json=event)
            assert refused.status_code == 503
            assert PASSWORD not in refused.text + health.text
    finally:
        server.stop()
    (line,) = [line for line in server.log.read_text().splitlines() if "nothing is served" in line]
    assert why in line
    assert PASSWORD not in line


def test_a_jupyter_server_that_starts_while_its_database_is_away_serves_as_soon_as_it_is_back(
    own: Cluster, tmp_path: Path
) -> None:
    own.stop()
    server = Jupyter(tmp_path, options=(f"--HumanInputApp.store={own.url()}",))
    server.start()
    event = {"type": "human_input_required", "prompt": "Good?"}
    try:
        with httpx.Client(base_url=server.prefix, headers=server.headers, timeout=30) as http:
            health = http.get("health")
            assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
            assert "start the database" in health.json()["message"]
            assert "tries again by itself" in health.json()["message"]
            refused = http.post("events", json=event)
            assert (refused.status_code, refused.json()["error"]) == (503, "store_unavailable")
            assert "start the database" in refused.json()["message"]
            own.start()
            healthy(http)
            assert http.post("events", json=event).status_code == 200
        (found,) = Path(server.env["JUPYTER_RUNTIME_DIR"]).glob("crewai-hitl-*.json")
        assert server.prefix in found.read_text()
    finally:
        server.stop()
    assert server.log.read_text().count("everything is served") == 1


def healthy(http: httpx.Client) -> None:
    """Wait until a server accepts work."""
    deadline = time.monotonic() + 60.0
    while http.get("health").status_code != 200:
        assert time.monotonic() < deadline, http.get("health").text


def test_a_jupyter_server_can_be_stopped_while_it_waits_for_its_database(
    log_url: str, tmp_path: Path
) -> None:
    server = Jupyter(tmp_path, options=(f"--HumanInputApp.store={refused_port(log_url)}",))
    server.start()
    server.stop()
    said = server.log.read_text()
    assert said.count("nothing is served") == 1
    assert "Traceback" not in said


@pytest.fixture
def host_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], runtime.Runtime]:
    """Make a host that survives a failed start and tries again at once."""
    monkeypatch.setattr(runtime, "_RETRY_SECONDS", 0.01)

    def make(url: str) -> runtime.Runtime:
        settings = runtime.HostSettings(
            prefix="/", stores=(url,), discovery_folder=tmp_path, survives_failure=True
        )
        return runtime.Runtime(settings, logging.getLogger("host"), activity=None)

    return make


@pytest.mark.asyncio
async def test_a_server_that_stops_names_no_outage_that_is_long_over(
    own: Cluster, host_of: Callable[[str], runtime.Runtime]
) -> None:
    own.stop()
    host = host_of(own.url())
    await host.start(lambda _: Address("http://127.0.0.1:1/"))
    assert "start the database" in host.services.trouble
    own.start()

    async def serves() -> bool:
        return host.services.broker is not None

    await until(serves, bool)
    await host.stop()
    assert host.services.broker is None
    assert host.services.trouble == STARTING


@pytest.mark.asyncio
async def test_an_unexpected_error_at_each_attempt_to_start_is_logged_once_for_each_cause(
    log_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    host_of: Callable[[str], runtime.Runtime],
) -> None:
    host = host_of(refused_port(log_url))
    start = host._start_all
    told: list[str] = []
    causes = iter(["", "", "one", "one", "other", "other", "one", "", "", "over"])

    async def fail(address_of: runtime.AddressOf) -> None:
        told.append(host.services.trouble)
        cause = next(causes)
        if cause == "one":
            raise KeyError(f"said by attempt {len(told)}")
        if cause == "other":
            raise LookupError
        if cause == "over":
            await asyncio.Event().wait()
        await start(address_of)

    async def attempts() -> int:
        return len(told)

    monkeypatch.setattr(host, "_start_all", fail)
    await host.start(lambda _: Address("http://127.0.0.1:1/"))
    await until(attempts, lambda made: made == 10)
    await host.stop()
    lines = [one for one in caplog.messages if "start_failed" in one or "nothing is served" in one]
    of_each = ["Connection refused", "KeyError", "LookupError", "KeyError", "Connection refused"]
    assert len(lines) == len(of_each)
    assert all(words in line for words, line in zip(of_each, lines, strict=True))
    assert "an unexpected error, KeyError" in told[3]
    assert "tries again by itself" in told[3]
    assert "Connection refused" in told[-1]
    assert "said by attempt" not in "".join([*lines, *told])


@pytest.mark.asyncio
async def test_a_reason_that_stays_the_same_is_logged_once(
    log_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    host_of: Callable[[str], runtime.Runtime],
) -> None:
    host = host_of(refused_port(log_url))
    start, attempts, often = host._start_all, iter(range(3)), asyncio.Event()

    async def count(address_of: runtime.AddressOf) -> None:
        if next(attempts, None) is None:
            often.set()
        await start(address_of)

    monkeypatch.setattr(host, "_start_all", count)
    await host.start(lambda _: Address("http://127.0.0.1:1/"))
    await asyncio.wait_for(often.wait(), 60.0)
    await host.stop()
    (line,) = [line for line in caplog.messages if "nothing is served" in line]
    assert "Connection refused" in line


def test_two_settings_for_one_log_are_refused_in_words(log_url: str, tmp_path: Path) -> None:
    options = (f"--HumanInputApp.store={log_url}", "--HumanInputApp.store_path=log.db")
    server = Jupyter(tmp_path, options=options)
    server.start()
    try:
        health = httpx.get(f"{server.prefix}health", headers=server.headers, timeout=30)
    finally:
        server.stop()
    assert health.status_code == 503
    assert "c.HumanInputApp.store_path" in health.json()["message"]
    assert "remove one of them" in health.json()["message"]
    assert "by itself" not in health.json()["message"]  # it needs a restart
