"""Access: who may do what at which door. The host's identity, XSRF and origin rules hold."""

import json
import warnings
from typing import Any

import httpx
import pytest
import websockets
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import JupyterServerAuthWarning

from tests.server.callers import FOREIGN, OneRightLess, caller, cookie_header, kernel_key
from tests.server.door import Door, Json, note, question, socket
from tests.server.upstream import Upstream

ENDPOINTS = [
    ("GET", "poll/human-input", "read"),
    ("GET", "poll/human-input/run-1", "read"),
    ("GET", "events/human-input", "read"),
    ("GET", "events/human-input/run-1", "read"),
    ("GET", "v1/crews/c/human-input-stream", "read"),
    ("GET", "requests", "read"),
    ("GET", "requests/nobody", "read"),
    ("GET", "webhooks", "read"),
    ("POST", "events", "write"),
    ("POST", "requests/nobody/cancel", "write"),
    ("POST", "requests/nobody/answer", "execute"),
    ("POST", "requests/nobody/claim", "execute"),
]


async def knock(http: httpx.AsyncClient) -> dict[str, tuple[str, int, str]]:
    """Try every endpoint; return by its name the right it needs, the status and the error."""
    heard = {}
    for method, path, action in ENDPOINTS:
        body = note() if method == "POST" else None
        async with http.stream(method, path, json=body) as reply:
            error = "" if reply.is_success else json.loads(await reply.aread())["error"]
        heard[f"{method} {path}"] = (action, reply.status_code, error)
    return heard


def refused(heard: dict[str, tuple[str, int, str]]) -> dict[str, tuple[str, int, str]]:
    """Return the endpoints that refused."""
    return {
        door: (action, status, error)
        for door, (action, status, error) in heard.items()
        if status != 200 and error != "unknown_request"
    }


@pytest.mark.parametrize("kind", ["nobody", "wrong token"])
async def test_without_credentials_every_door_is_shut(door: Door, kind: str) -> None:
    async with caller(door, kind) as http:
        heard = await knock(http)
    assert heard == {f"{m} {p}": (a, 403, "forbidden") for m, p, a in ENDPOINTS}
    assert await door.kept() == []


@pytest.mark.parametrize(
    "kind",
    ["token", "token as jupyter says it", "token in the address", "kernel key", "cookie and xsrf"],
)
async def test_with_credentials_every_door_opens(door: Door, kind: str) -> None:
    async with caller(door, kind) as http:
        assert refused(await knock(http)) == {}
    assert len(await door.kept()) == 1


async def test_a_cookie_alone_reads_but_changes_nothing(door: Door) -> None:
    async with caller(door, "cookie") as http:
        heard = refused(await knock(http))
    posts = {f"{m} {p}": (a, 403, "forbidden") for m, p, a in ENDPOINTS if m == "POST"}
    assert heard == posts
    assert await door.kept() == []


@pytest.mark.parametrize("kind", ["cookie, foreign origin", "cookie and xsrf, foreign origin"])
async def test_a_cookie_from_another_origin_opens_nothing(door: Door, kind: str) -> None:
    async with caller(door, kind) as http:
        heard = await knock(http)
    assert refused(heard) == heard
    assert {status for _, status, _ in heard.values()} <= {403, 404}
    assert await door.kept() == []


@pytest.mark.parametrize("taken", ["read", "write", "execute"])
async def test_a_right_that_the_host_takes_away_shuts_its_doors_and_no_other(
    one_right_less: Door, taken: str
) -> None:
    async with caller(one_right_less, "token") as http:
        heard = refused(await knock(http))
    assert heard == {f"{m} {p}": (a, 403, "forbidden") for m, p, a in ENDPOINTS if a == taken}


@pytest.fixture
def one_right_less(jp_server_config: Any, taken: str, request: pytest.FixtureRequest) -> Door:
    """Return a door whose host takes the right ``taken`` away."""
    jp_server_config.ServerApp.authorizer_class = OneRightLess
    jp_server_config.OneRightLess.taken = taken
    door: Door = request.getfixturevalue("door")
    return door


@pytest.mark.parametrize("taken", ["read", "write", "execute"])
async def test_a_kernel_keeps_its_rights_whatever_the_host_takes(
    one_right_less: Door, taken: str
) -> None:
    async with caller(one_right_less, "kernel key") as http:
        assert refused(await knock(http)) == {}


@pytest.mark.parametrize("taken", ["write", "execute"])
async def test_a_socket_of_a_reader_without_the_right_reads_and_is_refused_the_rest(
    one_right_less: Door, taken: str
) -> None:
    frames: dict[str, list[Json]] = {
        "write": [
            {"type": "publish", "events": note()},
            {"type": "cancel", "request_id": "nobody"},
        ],
        "execute": [
            {"type": "answer", "request_id": "nobody"},
            {"type": "claim", "request_id": "nobody"},
        ],
    }
    async with socket(one_right_less) as connection:
        up = Upstream(connection)
        replies = [await up.ask(frame) for frame in frames[taken]]
    assert [(reply["status"], reply["error"]) for reply in replies] == [(403, "forbidden")] * 2


@pytest.mark.parametrize("taken", ["read"])
async def test_a_socket_needs_the_right_to_read(one_right_less: Door, taken: str) -> None:
    assert (
        await handshake(one_right_less, {"Authorization": f"token {one_right_less.token}"}) == 403
    )


@pytest.mark.parametrize("taken", ["execute"])
@pytest.mark.parametrize("kind", ["human_input_completed", "human_input_claimed"])
async def test_publishing_for_a_person_needs_the_right_to_answer(
    one_right_less: Door, taken: str, kind: str
) -> None:
    await one_right_less.ask("q1")
    event = {"type": kind, "request_id": "q1", "claimed_by": {"name": "ada"}}
    reply = await one_right_less.http.post("events", json=[note(), event])
    assert (reply.status_code, reply.json()["error"]) == (403, "forbidden")
    assert len(await one_right_less.kept()) == 1


async def handshake(door: Door, headers: dict[str, str], **params: str) -> int:
    """Return the status that a WebSocket's handshake gets; 101 is let in."""
    url = str(httpx.URL(door.url.replace("http", "ws", 1) + "ws/human-input", params=params))
    try:
        async with websockets.connect(url, additional_headers=headers):
            return 101
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


async def test_a_socket_opens_for_whom_the_host_knows(door: Door) -> None:
    async with caller(door, "cookie") as http:
        cookie = {"Cookie": cookie_header(http)}
        xsrf = http.cookies["_xsrf"]
    own = door.url.split("/a%40b/")[0]
    assert await handshake(door, {}) == 403
    assert await handshake(door, {"Authorization": "token wrong"}) == 403
    assert await handshake(door, {}, token="wrong") == 403
    assert await handshake(door, {}, token=door.token) == 101
    assert await handshake(door, {}, token=kernel_key()) == 101
    assert await handshake(door, {"Authorization": f"Bearer {door.token}"}) == 101
    assert await handshake(door, {"Authorization": f"token {kernel_key()}"}) == 101
    assert await handshake(door, {**cookie, "Origin": own}, _xsrf=xsrf) == 101
    assert await handshake(door, {**cookie, "Origin": own}) == 403
    assert await handshake(door, {**cookie, "Origin": own}, _xsrf="wrong") == 403
    assert await handshake(door, cookie) == 403
    assert await handshake(door, {**cookie, "Origin": FOREIGN}, _xsrf=xsrf) == 403
    await door.until_subscriptions(0)


@pytest.mark.parametrize("kind", ["nobody", "wrong token", "cookie, foreign origin"])
async def test_health_tells_a_stranger_only_status_and_time(door: Door, kind: str) -> None:
    async with caller(door, kind) as http:
        reply = await http.get("health")
    if reply.status_code == 200:
        assert set(reply.json()) == {"status", "timestamp"}
        assert reply.json()["status"] == "healthy"
    else:
        assert kind == "cookie, foreign origin"


@pytest.mark.parametrize("taken", ["read"])
async def test_health_tells_one_without_the_right_to_read_no_more(
    one_right_less: Door, taken: str
) -> None:
    reply = await one_right_less.http.get("health")
    assert reply.status_code == 200
    assert set(reply.json()) == {"status", "timestamp"}


async def test_health_tells_those_who_may_read_more(door: Door) -> None:
    await door.ask()
    health = await door.health()
    assert (health["status"], health["pending"], health["offset"]) == ("healthy", 1, 1)
    assert health["version"]


async def test_a_stranger_at_the_page_is_sent_to_log_in(door: Door) -> None:
    async with caller(door, "nobody") as http:
        reply = await http.get("")
    assert reply.status_code == 302
    assert "/login" in reply.headers["Location"]


async def test_the_kernel_key_opens_nothing_else_of_the_host(door: Door) -> None:
    async with caller(door, "kernel key") as http:
        assert (await http.get("../api/contents")).status_code == 403
        assert (await http.get("../api/kernels")).status_code == 403


@pytest.mark.parametrize("host", [{"ServerApp": {"allow_unauthenticated_access": False}}])
async def test_no_handler_of_ours_leaves_its_door_undecorated(
    jp_server_config: Any, jp_configurable_serverapp: Any
) -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        app: ServerApp = jp_configurable_serverapp(config=jp_server_config)
    assert "crewai_hitl_nb" in app.extension_manager.extension_apps
    undecorated = [w for w in heard if issubclass(w.category, JupyterServerAuthWarning)]
    assert [str(w.message) for w in undecorated if "crewai" in str(w.message)] == []


async def test_nobody_but_a_kernel_names_somebody_else_as_the_one_who_answered(
    door: Door,
) -> None:
    await door.publish(question("q1"), question("q2"), question("q3"))
    ada = {"name": "ada", "via": "console"}
    done = {"type": "human_input_completed", "human_feedback": "Yes", "answered_by": ada}
    claimed = {"type": "human_input_claimed", "request_id": "q3", "claimed_by": ada}
    async with caller(door, "kernel key") as kernel:
        assert (await kernel.post("events", json={**done, "request_id": "q1"})).is_success
    await door.publish({**done, "request_id": "q2"}, claimed)
    assert (await door.request("q1"))["completion"]["answered_by"] == ada
    other = (await door.request("q2"))["completion"]["answered_by"]
    assert other["name"] != "ada"
    assert other["via"] == "console"
    assert (await door.request("q3"))["claimed_by"]["name"] != "ada"
