"""Both hosts deliver, list what they delivered, and run on when a setting is wrong."""

import asyncio
import logging
from pathlib import Path

import httpx
import pytest

from crewai_hitl_nb.broker.broker import utc_now
from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.broker.webhooks.receiver import SECRET, Receiver, secret
from tests.jupyter_process import JupyterProcess
from tests.server.door import until

pytestmark = pytest.mark.asyncio

KEY = "the-key-of-this-test"
QUESTION = {"type": "human_input_required", "prompt": "Good?"}


def client(url: str, key: str = KEY) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=15)


async def test_a_standalone_server_delivers_and_lists_its_deliveries(receiver: Receiver) -> None:
    server = HumanInputServer(
        port=0,
        api_key=KEY,
        webhook_urls=[receiver.url("hook?token=t")],
        webhook_secrets=[SECRET],
        webhook_allow_private=True,
    )
    async with server, client(server.url) as http:
        (placed,) = (await http.post("events", json={**QUESTION, "request_id": "r1"})).json()[
            "events"
        ]
        await receiver.until(1)
        receiver.calls[0].verify()

        async def look() -> dict[str, object]:
            listing: dict[str, object] = (await http.get("webhooks")).json()["webhooks"][0]
            return listing

        listed = await until(look, lambda one: one["cursor"] == 1)
        attempt = listed["deliveries"][0]["attempts"][0]  # type: ignore[index]
        assert attempt["status"] == 204
        assert attempt["milliseconds"] >= 0
        assert listed == {
            "id": listed["id"],
            "url": receiver.url("hook"),
            "status": "active",
            "disabled_at": None,
            "cursor": 1,
            "next_attempt": None,
            "last_status": 204,
            "last_error": "",
            "deliveries": [
                {
                    "event_id": placed["event_id"],
                    "offset": 1,
                    "type": "human_input_required",
                    "outcome": "delivered",
                    "attempts": [attempt],
                    "error": "",
                }
            ],
        }


async def test_the_listing_needs_a_key_and_one_that_sees_everything(tmp_path: Path) -> None:
    keys_file = tmp_path / "keys.json"
    limited = _limited_key(keys_file)
    server = HumanInputServer(port=0, api_key=KEY, keys_file=keys_file)
    async with server:
        async with client(server.url) as http:
            reply = await http.get("webhooks")
            assert (reply.status_code, reply.json()) == (200, {"webhooks": [], "trouble": None})
        async with client(server.url, "wrong") as http:
            assert (await http.get("webhooks")).status_code == 401
        async with client(server.url, limited) as http:
            reply = await http.get("webhooks")
            assert (reply.status_code, reply.json()["error"]) == (403, "forbidden")


def _limited_key(file: Path) -> str:
    _, key = Keyring(file).add("limited", ["read"], utc_now(), executions=["x1"])
    return key


@pytest.mark.parametrize(
    ("urls", "secrets", "why"),
    [
        (["https://127.0.0.1/"], [SECRET], "not a public address"),
        (["https://hooks.example/"], ["whsec_oops"], "webhook secret 1 is wrong"),
        (["https://hooks.example/"], [], "without a secret"),
    ],
)
async def test_a_wrong_setting_is_one_line_and_the_server_still_runs(
    urls: list[str], secrets: list[str], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = HumanInputServer(port=0, api_key=KEY, webhook_urls=urls, webhook_secrets=secrets)
    with caplog.at_level(logging.ERROR):
        async with server, client(server.url) as http:
            assert (await http.post("events", json=QUESTION)).status_code == 200
            assert why in (await http.get("webhooks")).json()["trouble"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert why in line
    assert "\n" not in line


async def test_a_wrong_setting_loses_nothing_once_it_is_mended(
    receiver: Receiver, tmp_path: Path
) -> None:
    for urls, secrets, request in (
        ([receiver.url()], [SECRET], "r1"),
        ([receiver.url()], ["oops"], "r2"),
        ([receiver.url()], [secret("n"), SECRET], "r3"),
    ):
        server = HumanInputServer(
            port=0,
            store=tmp_path / "log.db",
            webhook_urls=urls,
            webhook_secrets=secrets,
            webhook_allow_private=True,
        )
        async with server, client(server.url) as http:
            await http.post("events", json={**QUESTION, "request_id": request})
            if request == "r1":
                await receiver.until(1)
                await until(
                    lambda http=http: http.get("webhooks"),  # type: ignore[misc]
                    lambda reply: reply.json()["webhooks"][0]["cursor"] == 1,
                )
            if request == "r3":
                await receiver.until(3)
    assert receiver.requests == ["r1", "r2", "r3"]


@pytest.mark.slow
async def test_a_jupyter_server_that_was_killed_delivers_what_the_receiver_missed(
    receiver: Receiver, tmp_path: Path
) -> None:
    options = (
        f"--HumanInputApp.webhook_urls={receiver.url()}",
        f"--HumanInputApp.webhook_secrets={SECRET}",
        "--HumanInputApp.webhook_allow_private=True",
    )
    server = JupyterProcess(tmp_path, options=options)
    await asyncio.to_thread(server.start)
    try:
        async with client(server.prefix, server.token) as http:
            await until(lambda: http.get("health"), lambda health: health.status_code == 200)
            assert (await http.post("events", json={**QUESTION, "request_id": "r1"})).is_success
            await receiver.until(1)
            await receiver.stop()
            batch = [{**QUESTION, "request_id": name} for name in ("r2", "r3")]
            placed = (await http.post("events", json=batch)).json()["events"]
        await asyncio.to_thread(server.kill)
        await receiver.start()
        await asyncio.to_thread(server.start)
        await receiver.until_events(3)
    finally:
        await asyncio.to_thread(server.stop)
    arrived = dict.fromkeys(receiver.ids)  # at least once: the kill may repeat one
    assert list(arrived)[1:] == [event["event_id"] for event in placed]
    for call in receiver.calls:
        call.verify()
