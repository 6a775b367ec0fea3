"""Who is let in no more reads no further and answers nothing, from that moment on."""

import json
from urllib.parse import quote

import anyio
import httpx
import pytest
import websockets

from tests.hub.browser_login import cookies_for, logged_in, xsrf
from tests.hub.conftest import NAMESAKE_TOKEN
from tests.hub.doors import ask
from tests.hub.hub_process import HubProcess, Place
from tests.server.door import PATIENCE_SECONDS, client, socket

pytestmark = pytest.mark.asyncio


def newcomer(hub: HubProcess, place: Place, name: str, how: str) -> tuple[Place, str, str]:
    """Return a person's way into a server, and the call that takes it away again."""
    hub.add_person(name)
    hub.api.post("groups/reviewers/users", json={"users": [name]}).raise_for_status()
    scope = "access:servers!server=team/"
    made = hub.api.post(f"users/{name}/tokens", json={"scopes": [scope]}).raise_for_status().json()
    away = {
        "token": ("DELETE", f"users/{name}/tokens/{made['id']}"),
        "group": ("DELETE", "groups/reviewers/users"),
        "person": ("DELETE", f"users/{name}"),
    }[how]
    return Place(place.server_url, made["token"], place.home), *away


@pytest.mark.parametrize("how", ["token", "group", "person"])
async def test_who_loses_access_hears_nothing_more_and_answers_nothing(
    hub: HubProcess, team: Place, how: str
) -> None:
    name = f"leaver-{how}"
    place, method, path = newcomer(hub, team, name, how)
    request_id = await ask(team)
    async with (
        socket(place, replay="none") as waits,
        socket(place, replay="none") as speaks,
        client(place) as http,
        http.stream("GET", "events/human-input") as stream,
    ):
        assert (await http.get("requests")).status_code == 200
        body = {"users": [name]} if how == "group" else None
        hub.api.request(method, path, json=body).raise_for_status()
        frame = {"type": "answer", "ref": "1", "request_id": request_id, "human_feedback": "Yes"}
        assert await said(speaks, frame) in ("forbidden", "closed")
        wrong = await http.post(f"requests/{request_id}/answer", json={"human_feedback": "Yes"})
        assert wrong.status_code == 403
        with anyio.fail_after(PATIENCE_SECONDS):
            async for _ in stream.aiter_bytes():
                pass
        await until_closed(waits)
        assert (await http.get("poll/human-input")).status_code == 403
    async with client(team) as owner:
        assert (await owner.get(f"requests/{request_id}")).json()["status"] == "pending"


async def until_closed(connection: websockets.ClientConnection) -> None:
    """Read to the end."""
    with anyio.fail_after(PATIENCE_SECONDS):
        async for _ in connection:
            pass


async def said(connection: websockets.ClientConnection, frame: dict[str, str]) -> str:
    """Send a frame up and return what became of it."""
    try:
        await connection.send(json.dumps(frame))
        while True:
            reply = json.loads(await connection.recv())
            if reply.get("ref") == frame["ref"]:
                return str(reply.get("error", "done"))
    except websockets.ConnectionClosed:
        return "closed"


async def test_a_login_that_was_revoked_answers_nothing_by_its_cookie(
    hub: HubProcess, ada: Place
) -> None:
    with logged_in(hub, "ada", "user/ada/crewai-hitl/") as http:
        headers = {"Cookie": cookies_for(http), "Origin": hub.url.rstrip("/")}
        token = xsrf(http)["X-XSRFToken"]
    address = ada.url.replace("http", "ws", 1) + f"ws/human-input?_xsrf={quote(token)}"
    request_id = await ask(ada)
    async with websockets.connect(address, additional_headers=headers) as connection:
        logins = [
            login["id"]
            for login in hub.api.get("users/ada/tokens").json()["api_tokens"]
            if login["oauth_client"].startswith("Server at")
        ]
        # Revoking one login revokes every login of its OAuth client, those of other tests too.
        hub.api.delete(f"users/ada/tokens/{logins[0]}").raise_for_status()
        frame = {"type": "answer", "ref": "1", "request_id": request_id, "human_feedback": "Yes"}
        assert await said(connection, frame) in ("forbidden", "closed")
        await until_closed(connection)


async def test_who_still_may_goes_on(team: Place) -> None:
    async with socket(team, replay="none") as connection:
        for number in range(3):
            request_id = await ask(team)
            frame = {"type": "claim", "ref": str(number), "request_id": request_id}
            assert await said(connection, frame) == "done"


async def test_a_hub_service_that_is_named_like_the_owner_is_not_the_owner(
    hub: HubProcess, team: Place
) -> None:
    namesake = Place(team.server_url, NAMESAKE_TOKEN, team.home)
    request_id = await ask(team)
    async with client(namesake) as http:
        assert (await http.get("requests")).status_code == 200
        body = {"human_feedback": "Yes", "decision": "respond"}
        answer = await http.post(f"requests/{request_id}/answer", json=body)
        assert answer.json()["event"]["answered_by"]["name"] == "team (service)"
        ours = {"type": "human_input_required", "prompt": "Good?"}
        assert (await http.post("events", json=ours)).status_code == 403
    async with httpx.AsyncClient(headers=namesake.headers) as outside:
        assert (await outside.get(f"{team.server_url}api/contents")).status_code == 403
