"""Who is let in through the hub, who is not, and under which name they answer."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

import httpx
import pytest
import websockets

from tests.hub.browser_login import cookies_for, logged_in, xsrf
from tests.hub.conftest import BOT_TOKEN, GROUP_TOKEN
from tests.hub.doors import ask, opened
from tests.hub.hub_process import LIFECYCLE_TOKEN, HubProcess, Place
from tests.server.callers import FOREIGN
from tests.server.door import client, question, socket

pytestmark = pytest.mark.asyncio

SCOPES_OF_OTHERS = {
    "a second user": ("bob", ["access:servers!user=bob"]),
    "the owner's token for another server": ("ada", ["access:servers!server=ada/gpu"]),
    "the owner's token for something else": ("ada", ["read:users:name!user=ada"]),
    "a reviewer of another server": ("grace", ["access:servers!server=team/"]),
}
PAGE_OF_ADA = "user/ada/crewai-hitl/"
SAME_SITE = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
CROSS_SITE = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site", "Origin": FOREIGN}


async def statuses(place: Place, token: str) -> dict[str, int]:
    """Return what each way in answers to who comes with this token."""
    stranger = Place(place.server_url, token, place.home)
    request_id = await ask(place)
    async with client(stranger) as http:
        ways: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
            "list": lambda: http.get("requests"),
            "poll": lambda: http.get("poll/human-input"),
            "sse": lambda: http.get("events/human-input"),
            "publish": lambda: http.post("events", json=question()),
            "answer": lambda: http.post(f"requests/{request_id}/answer", json={}),
        }
        found = {name: (await way()).status_code for name, way in ways.items()}
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with socket(stranger):
            pass
    return found | {"ws": refused.value.response.status_code}


async def test_a_scope_by_group_is_refused_as_the_page_says(team: Place) -> None:
    assert set((await statuses(team, GROUP_TOKEN)).values()) == {403}


@pytest.mark.parametrize("stranger", SCOPES_OF_OTHERS)
async def test_a_token_without_the_scope_opens_no_door(
    hub: HubProcess, ada: Place, stranger: str
) -> None:
    name, scopes = SCOPES_OF_OTHERS[stranger]
    hub.add_person(name)
    assert set((await statuses(ada, hub.token(name, *scopes))).values()) == {403}


async def test_who_may_stop_servers_may_not_read_questions(ada: Place) -> None:
    assert set((await statuses(ada, LIFECYCLE_TOKEN)).values()) == {403}


async def test_who_brings_an_unknown_token_is_refused(ada: Place) -> None:
    assert set((await statuses(ada, "unknown")).values()) == {403}


async def test_a_token_in_the_address_is_refused(ada: Place) -> None:
    async with httpx.AsyncClient(base_url=ada.url) as http:
        assert (await http.get("requests", params={"token": ada.token})).status_code == 403


async def test_a_reviewer_answers_for_the_team_and_does_nothing_else(
    hub: HubProcess, team: Place
) -> None:
    grace = Place(team.server_url, hub.token("grace", "access:servers!server=team/"), team.home)
    request_id = await ask(team)
    async with client(grace) as http:
        assert (await http.get(f"requests/{request_id}")).json()["status"] == "pending"
        answer = await http.post(f"requests/{request_id}/answer", json={"human_feedback": "No"})
        assert answer.json()["event"]["answered_by"]["name"] == "grace"
        assert (await http.post("events", json=question())).status_code == 403
        kernels = await http.post(f"{team.server_url}api/kernels", json={"name": "python3"})
        assert kernels.status_code == 403
        assert (await http.get(f"{team.server_url}api/contents")).status_code == 403


async def test_a_service_answers_under_its_own_name(team: Place) -> None:
    bot = Place(team.server_url, BOT_TOKEN, team.home)
    request_id = await ask(team)
    async with client(bot) as http:
        answer = await http.post(f"requests/{request_id}/answer", json={"human_feedback": "No"})
    assert answer.json()["event"]["answered_by"]["name"] == "answer-bot"


async def test_a_page_of_the_server_reads_and_asks_by_cookie(hub: HubProcess, ada: Place) -> None:
    with logged_in(hub, "ada", PAGE_OF_ADA) as http:
        own = SAME_SITE | xsrf(http)
        assert http.get("requests", headers=own).status_code == 200
        assert http.post("events", json=question(), headers=own).status_code == 200


async def test_a_cookie_without_xsrf_is_refused(hub: HubProcess, ada: Place) -> None:
    with logged_in(hub, "ada", PAGE_OF_ADA) as http:
        assert http.get("requests", headers=SAME_SITE).status_code == 403
        assert http.get("poll/human-input", headers=SAME_SITE).status_code == 403
        assert http.post("events", json=question(), headers=SAME_SITE).status_code == 403


async def test_another_site_is_refused_even_with_the_cookie(hub: HubProcess, ada: Place) -> None:
    with logged_in(hub, "ada", PAGE_OF_ADA) as http:
        for headers in (CROSS_SITE, CROSS_SITE | xsrf(http)):
            for reply in (
                http.get("requests", headers=headers),
                http.post("events", json=question(), headers=headers),
            ):
                assert reply.status_code in (403, 404)
        cookies, token = cookies_for(http), xsrf(http)["X-XSRFToken"]
    own = {"Cookie": cookies, "Origin": hub.url.rstrip("/")}
    without = ada.url.replace("http", "ws", 1) + "ws/human-input"
    address = f"{without}?_xsrf={quote(token)}"
    for browser in ({}, {"Sec-Fetch-Mode": "websocket", "Sec-Fetch-Site": "same-origin"}):
        for wrong in (without, f"{without}?_xsrf=wrong"):
            with pytest.raises(websockets.InvalidStatus) as refused:
                await websockets.connect(wrong, additional_headers=own | browser)
            assert refused.value.response.status_code == 403
    async with websockets.connect(address, additional_headers=own) as connection:
        assert await connection.recv()
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(address, additional_headers=own | {"Origin": FOREIGN})
    assert refused.value.response.status_code == 403


async def test_a_second_user_who_logs_in_gets_no_page(hub: HubProcess, ada: Place) -> None:
    with logged_in(hub, "bob", PAGE_OF_ADA) as http:
        page = http.get("", headers={"Sec-Fetch-Mode": "navigate"}, follow_redirects=True)
        assert page.status_code == 403
        assert "data-prefix" not in page.text


async def test_a_token_of_another_user_opens_no_endpoint(hub: HubProcess, ada: Place) -> None:
    hub.add_person("mallory")
    token = hub.token("mallory")  # with everything that she may do
    assert await opened(ada, {"Authorization": f"token {token}"}) == set()


async def test_a_token_of_another_user_reads_no_stream_and_answers_nothing(
    hub: HubProcess, ada: Place
) -> None:
    hub.add_person("mallory")
    assert set((await statuses(ada, hub.token("mallory"))).values()) == {403}


async def test_the_kernel_key_of_another_users_server_opens_nothing(
    ada: Place, team: Place
) -> None:
    key = next(team.home.rglob("kernel_key")).read_text().strip()
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=team.url, headers=headers) as http:
        assert (await http.get("requests")).status_code == 200
    assert await opened(ada, headers) == set()
    assert await opened(ada, {"Authorization": f"token {key}"}) == set()


async def test_a_cookie_of_another_user_opens_nothing(hub: HubProcess, ada: Place) -> None:
    with logged_in(hub, "mallory", PAGE_OF_ADA) as http:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in http.cookies.jar)
    assert await opened(ada, {"Cookie": cookies}) == set()
    own = {"Cookie": cookies, "Origin": hub.url.rstrip("/")}
    address = ada.url.replace("http", "ws", 1) + "ws/human-input"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(address, additional_headers=own)
    assert refused.value.response.status_code == 403
