"""A hub that cannot be asked lets nobody act, and says so; who reads goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from jupyterhub.services.auth import HubAuth  # type: ignore[import-untyped]

from crewai_hitl_nb.protocol.errors import Forbidden, Unavailable
from crewai_hitl_nb.server.auth.hub import HubToken
from tests.hub.doors import ask
from tests.hub.hub_process import HubProcess, Place
from tests.hub.test_revoking import said
from tests.server.door import client, question, socket

pytestmark = pytest.mark.asyncio


async def test_while_the_hub_says_nothing_nobody_acts_and_readers_go_on(
    hub: HubProcess, team: Place
) -> None:
    request_id = await ask(team)
    yes = {"human_feedback": "Yes"}
    frame = {"type": "answer", "ref": "1", "request_id": request_id, **yes}
    async with client(team) as http, socket(team, replay="none") as connection:
        with hub.silent():
            replies = await asyncio.gather(
                http.post(f"requests/{request_id}/answer", json=yes),
                http.post(f"requests/{request_id}/claim", json={}),
                http.post(f"requests/{request_id}/cancel", json={}),
                http.post("events", json=question()),
            )
            for reply in replies:
                assert (reply.status_code, reply.json()["error"]) == (503, "unavailable")
                assert "nothing was done" in reply.json()["message"]
            assert await said(connection, frame) == "unavailable"
            found = (await http.get(f"requests/{request_id}")).json()
            assert (found["status"], found["claimed_by"]) == ("pending", None)
        assert await said(connection, frame) == "done"
    assert (await _status(team, request_id)) == "answered"


async def _status(place: Place, request_id: str) -> str:
    async with client(place) as http:
        return str((await http.get(f"requests/{request_id}")).json()["status"])


def json_reply(length: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + body


PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
HALF = json_reply(90, b'{"name": "ada", ')
NAMELESS = json_reply(2, b"{}")
LIST = json_reply(2, b"[]")
BROKEN = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
ODD = b"HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n"
NOBODY = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def token_of(reply: bytes | None) -> AsyncIterator[HubToken]:
    """Give a token whose hub says this to each call; None: there is no hub at all."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply or b"")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    if reply is None:
        server.close()
        await server.wait_closed()
    auth = HubAuth(api_url=f"http://127.0.0.1:{port}/hub/api", api_token="t", access_scopes={"a"})
    try:
        yield HubToken(auth, "token", "", "ada")
    finally:
        server.close()


@pytest.mark.parametrize(
    "reply", [None, b"", PAGE, HALF, NAMELESS, LIST, BROKEN, ODD], ids=lambda r: repr(r)[:40]
)
async def test_what_is_no_answer_of_a_hub_lets_nobody_act(reply: bytes | None) -> None:
    async with token_of(reply) as token:
        for _ in range(2):
            with pytest.raises(Unavailable, match="try again") as away:
                await token.check(within=0)
            assert away.value.status == 503
        await token.check(within=60)  # who only reads was let in before, and is not asked for now


async def test_a_hub_that_says_no_is_no_hub_that_is_away() -> None:
    async with token_of(NOBODY) as token:
        with pytest.raises(Forbidden):
            await token.check(within=0)
        with pytest.raises(Forbidden):
            await token.check(within=60)
