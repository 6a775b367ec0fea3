"""The standalone host: starts, stops, refuses, and says in one line what is in the way."""

import asyncio
import os
import threading
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.exceptions import InvalidStatus

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.server.standalone import HumanInputServer, ServerError

ASK = {"type": "human_input_required", "prompt": "Good?", "request_id": "r1"}


def test_it_serves_the_same_endpoints_at_its_root(http: httpx.Client) -> None:
    (published,) = http.post("events", json=ASK).json()["events"]
    (event,) = http.get("poll/human-input").json()["events"]
    assert event["event_id"] == published["event_id"]
    assert http.post("requests/r1/answer", json={"human_feedback": ""}).status_code == 200
    assert http.get("requests/r1").json()["status"] == "answered"


def test_health_is_public_and_tells_a_stranger_only_status_and_time(
    server: HumanInputServer,
) -> None:
    body = httpx.get(f"{server.url}health").json()
    assert body.keys() == {"status", "timestamp"}
    assert body["status"] == "healthy"


@pytest.mark.parametrize("path", ["requests", "poll/human-input/x", "events/human-input/x"])
@pytest.mark.parametrize("key", [None, "wrong", "the-api-keys"])
def test_a_missing_or_wrong_key_is_401(
    server: HumanInputServer, path: str, key: str | None
) -> None:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    reply = httpx.get(f"{server.url}{path}", headers=headers)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"


def test_the_page_without_a_key_is_401_and_says_how_to_open_it(server: HumanInputServer) -> None:
    reply = httpx.get(server.url)
    assert reply.status_code == 401
    assert "?token=" in reply.text


@pytest.mark.asyncio
async def test_a_websocket_with_a_wrong_token_is_401() -> None:
    async with HumanInputServer(port=0, api_key="k") as server:
        url = server.url.replace("http", "ws")
        with pytest.raises(InvalidStatus) as refused:
            await websockets.connect(f"{url}ws/human-input/x?token=wrong")
        assert refused.value.response.status_code == 401
        async with websockets.connect(f"{url}ws/human-input/x?token=k"):
            pass


def test_the_page_opened_with_the_key_is_logged_in_by_a_cookie_without_it(
    server: HumanInputServer,
) -> None:
    with httpx.Client(base_url=server.url) as browser:
        assert browser.get("", params={"token": "the-api-key"}).status_code == 200
        assert browser.get("requests").status_code == 200
        assert all("the-api-key" not in cookie for cookie in browser.cookies.values())
        refused = browser.post("events", json=ASK)
        assert refused.status_code == 403
        assert "_xsrf" in refused.json()["message"]
        token = browser.cookies["_xsrf"]
        accepted = browser.post("events", json=ASK, headers={"X-XSRFToken": token})
        assert accepted.status_code == 200


def test_without_a_key_programs_may_call_and_pages_of_other_origins_may_not() -> None:
    with HumanInputServer(port=0) as server:
        events = f"{server.url}events"
        assert httpx.post(events, json=ASK).status_code == 200
        foreign = httpx.post(events, json=ASK, headers={"Origin": "http://evil.example"})
        assert foreign.status_code in (403, 404)
        rebound = httpx.get(f"{server.url}requests", headers={"Host": "evil.example"})
        assert rebound.status_code in (401, 403)


@pytest.mark.asyncio
async def test_without_a_key_a_websocket_of_another_origin_is_refused() -> None:
    async with HumanInputServer(port=0) as server:
        url = server.url.replace("http", "ws") + "ws/human-input"
        with pytest.raises(InvalidStatus) as refused:
            await websockets.connect(url, origin=websockets.Origin("http://evil.example"))
        assert refused.value.response.status_code == 403


def test_without_a_key_it_does_not_listen_to_other_machines() -> None:
    with pytest.raises(ServerError, match="other machines"):
        HumanInputServer(host="0.0.0.0", port=0).start()
    with HumanInputServer(host="0.0.0.0", port=0, api_key="k") as server:
        assert httpx.get(f"{server.url}health").status_code == 200


def test_a_server_on_another_address_hands_over_that_address() -> None:
    with HumanInputServer(host="127.0.0.2", port=0) as server:
        assert server.url == f"http://127.0.0.2:{server.port}/"
        assert httpx.get(f"{server.url}requests").status_code == 200


def test_a_file_keeps_the_log_across_servers(tmp_path: Path) -> None:
    with HumanInputServer(port=0, store=tmp_path / "log.db") as server:
        httpx.post(f"{server.url}events", json=ASK)
    with HumanInputServer(port=0, store=tmp_path / "log.db") as server:
        (request,) = httpx.get(f"{server.url}requests").json()["requests"]
        assert (request["request_id"], request["status"]) == ("r1", "pending")


def test_a_port_in_use_is_said_in_one_line(server: HumanInputServer) -> None:
    with pytest.raises(ServerError, match=r"cannot listen on localhost:\d+") as refused:
        HumanInputServer(port=server.port).start()
    assert "\n" not in str(refused.value)


def test_a_path_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ServerError, match="cannot open") as refused:
        HumanInputServer(port=0, store=tmp_path / "file" / "log.db").start()
    assert "\n" not in str(refused.value)


def test_a_bad_keys_file_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(ServerError, match="keys file") as refused:
        HumanInputServer(port=0, keys_file=tmp_path / "keys.json").start()
    assert "\n" not in str(refused.value)


def test_a_server_that_could_not_start_leaves_its_port_free(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    failed = HumanInputServer(port=0, keys_file=tmp_path / "keys.json")
    with pytest.raises(ServerError):
        failed.start()
    with HumanInputServer(port=failed.port) as server:
        assert httpx.get(f"{server.url}health").status_code == 200


def test_start_blocks_until_stop_is_called_from_another_thread() -> None:
    server = HumanInputServer(port=0)
    thread = threading.Thread(target=server.start, daemon=True)
    thread.start()
    assert server.started.wait(10)
    assert httpx.get(f"{server.url}health").status_code == 200
    server.stop()
    thread.join(10)
    assert not thread.is_alive()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}health")


@pytest.mark.asyncio
async def test_start_async_returns_when_it_listens_and_stop_async_when_all_is_closed() -> None:
    server = HumanInputServer(port=0)
    await server.start_async()
    async with httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.get("health")).status_code == 200
    async with websockets.connect(server.url.replace("http", "ws") + "ws/human-input") as socket:
        await socket.recv()
        await server.stop_async()
        await asyncio.wait_for(socket.wait_closed(), 5)
        assert socket.close_code == 1001


@pytest.mark.asyncio
@pytest.mark.parametrize("opened", ["start_async", "async with"])
async def test_a_caller_that_blocks_its_own_loop_is_served_all_the_same(opened: str) -> None:
    server = HumanInputServer(port=0, api_key="k")
    if opened == "start_async":
        await server.start_async()
    else:
        await server.__aenter__()
    with Client(server.url, "k") as client:  # blocks this loop
        client.publish({"type": "human_input_required", "prompt": "Well?", "request_id": "r"})
        client.answer("r", "tea")
        assert client.request("r").status == "answered"
    await server.stop_async()
    await server.wait()  # returns when it has ended already


@pytest.mark.asyncio
async def test_a_stop_that_comes_while_the_loop_ends_leaves_nothing_unawaited() -> None:
    server = HumanInputServer(port=0)
    await server._serve(begun=server.stop)
    server.stop()
    await asyncio.sleep(0)  # what the second stop asked for has run
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.asyncio
async def test_a_start_that_fails_is_told_to_whoever_awaits_it() -> None:
    async with HumanInputServer(port=0) as first:
        with pytest.raises(ServerError, match="choose another port"):
            await HumanInputServer(port=first.port).start_async()


def test_programs_of_this_user_find_it_and_nothing_stays_behind(runtime_dir: Path) -> None:
    with HumanInputServer(port=0, api_key="k") as server:
        (file,) = runtime_dir.glob("crewai-hitl-*.json")
        assert file.stat().st_mode & 0o077 == 0
        assert os.environ["CREWAI_HITL_KERNEL_URL"] == server.url
        key = os.environ["CREWAI_HITL_KERNEL_KEY"]
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx.get(f"{server.url}requests", headers=headers).status_code == 200
    assert not list(runtime_dir.glob("crewai-hitl-*.json"))
    assert "CREWAI_HITL_KERNEL_URL" not in os.environ
