"""`crewai-hitl serve`: one line when it serves, one line when it cannot, and it ends cleanly."""

import asyncio
import base64
import queue
import signal
import socket
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.cli.command import PATIENCE_SECONDS, Commands, clean_env, running
from tests.events import other, required

EVERYWHERE = "0.0.0.0"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_it_prints_one_line_with_the_url_and_ends_cleanly(
    tmp_path: Path, number: signal.Signals
) -> None:
    env = clean_env(tmp_path)
    store = tmp_path / "events.db"
    with running("serve", "--port", "0", "--store", str(store), env=env) as server:
        line = server.out.next()
        url = next(word for word in line.split() if word.startswith("http://"))
        assert httpx.get(f"{url}health").json()["status"] == "healthy"
        handed_over = Path(env["JUPYTER_RUNTIME_DIR"])
        assert list(handed_over.iterdir())
        assert server.end(number) == 0
        assert server.err.rest() == []
    assert store.exists()
    assert list(handed_over.iterdir()) == []


@pytest.mark.parametrize("by", ["file", "environment"])
def test_the_key_of_a_file_or_the_environment_is_what_callers_must_send(
    tmp_path: Path, by: str
) -> None:
    (tmp_path / "key.txt").write_text("the-right-key\n")
    given = {"CREWAI_HITL_API_KEY": "the-right-key"} if by == "environment" else {}
    option = ("--api-key-file", str(tmp_path / "key.txt")) if by == "file" else ()
    env = clean_env(tmp_path, **given)
    with running("serve", "--port", "0", "--json", *option, env=env) as server:
        said = server.json()
        assert said["needs_key"] is True
        cli = Commands(clean_env(tmp_path / "elsewhere"))
        assert cli("pending", "--url", said["url"], "--token", "the-right-key").exit_code == 0
        for wrong in ((), ("--token", "a-wrong-key")):
            refused = cli("pending", "--url", said["url"], *wrong)
            assert refused.exit_code == 4
            assert "CREWAI_HITL_TOKEN" in refused.stderr or "key" in refused.stderr


def test_a_key_on_the_command_line_is_not_possible_and_the_help_says_why(tmp_path: Path) -> None:
    cli = Commands(clean_env(tmp_path))
    assert cli("serve", "--api-key", "secret").exit_code == 2
    assert "can read command lines" in " ".join(cli("serve", "--help").output.split())


def refusals(tmp_path: Path, *args: str, **env: str) -> str:
    """Return the one line that it fails with."""
    result = Commands(clean_env(tmp_path, **env))("serve", "--port", "0", *args)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    return line


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}" in refusals(tmp_path, "--host", "127.0.0.1", "--port", port)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"two keys\n", "one key"),
        (b"one\ntwo\n", "one key"),
        (b"\xff\xfe", "not text"),
    ],
    ids=str,
)
def test_a_key_file_that_holds_no_key_is_one_line_and_no_server_without_a_key(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "key.txt"
    if content is not None:
        file.write_bytes(content)
    line = refusals(tmp_path, "--api-key-file", str(file))
    assert str(file) in line
    assert reason in line


def test_an_empty_key_in_the_environment_is_no_server_without_a_key(tmp_path: Path) -> None:
    assert "CREWAI_HITL_API_KEY is empty" in refusals(tmp_path, CREWAI_HITL_API_KEY="")


def test_a_path_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = tmp_path / "file" / "events.db"
    assert str(store) in refusals(tmp_path, "--store", str(store))


def test_other_machines_are_not_served_without_a_key(tmp_path: Path) -> None:
    assert "--api-key-file" in refusals(tmp_path, "--host", EVERYWHERE)


def test_it_posts_events_to_a_webhook_signed_with_the_environments_secret(tmp_path: Path) -> None:
    secret = "whsec_" + base64.b64encode(b"a secret of at least 24 bytes").decode()
    calls: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            calls.put((dict(self.headers), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{receiver.server_port}/hook"
        env = clean_env(tmp_path, CREWAI_HITL_WEBHOOK_SECRETS=secret)
        options = ("--webhook-url", url, "--webhook-allow-private", "--json")
        with running("serve", "--port", "0", *options, env=env) as server:
            at = server.json()["url"]
            event = {"type": "human_input_required", "prompt": "Good?", "event_id": "e1"}
            assert httpx.post(f"{at}events", json=event).status_code == 200
            headers, body = calls.get(timeout=PATIENCE_SECONDS)
            (listed,) = Commands({**env, "CREWAI_HITL_URL": at}).lines("webhooks")
            assert server.end() == 0
        receiver.shutdown()
    assert Webhook(secret).verify(body, headers)["event_id"] == "e1"
    assert listed["url"] == url


def log_of(folder: Path, *, age: timedelta = timedelta()) -> Path:
    """Return a log with an open question and ten other events, all of them of this age."""

    async def write() -> None:
        store = SqliteStore(folder / "log.db", (datetime.now(timezone.utc) - age).timestamp)
        await store.start(lambda commits: None)
        await store.append([required("open"), *(other() for _ in range(10))])
        await store.close()

    asyncio.run(write())
    return folder / "log.db"


@pytest.mark.parametrize(
    ("options", "age", "kept"),
    [
        (("--retain-events", "3"), timedelta(), [1, 9, 10, 11]),
        (("--retain-events", "0"), timedelta(), [1]),
        (("--retain-days", "2"), timedelta(days=3), [1]),
        (("--retain-days", "4"), timedelta(days=3), list(range(1, 12))),
    ],
)
def test_it_keeps_as_many_events_as_configured(
    tmp_path: Path, options: tuple[str, ...], age: timedelta, kept: list[int]
) -> None:
    log = log_of(tmp_path, age=age)
    serve = ("serve", "--port", "0", "--json", "--store", str(log), *options)
    with running(*serve, env=clean_env(tmp_path)) as server, httpx.Client() as http:
        url = server.json()["url"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:  # what is too old goes behind the start
            events = http.get(f"{url}poll/human-input").json()["events"]
            if [event["offset"] for event in events] == kept:
                return
            assert time.monotonic() < deadline, events


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        *(("--retain-days", wrong) for wrong in ("-1", "nan", "inf", "many")),
        *(("--retain-events", wrong) for wrong in ("-1", "1.5", "many")),
    ],
)
def test_an_invalid_amount_to_keep_is_a_usage_error(
    tmp_path: Path, option: str, wrong: str
) -> None:
    refused = Commands(clean_env(tmp_path))("serve", "--port", "0", option, wrong)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert option in refused.stderr
    assert "Traceback" not in refused.stderr
