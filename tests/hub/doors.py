"""Every endpoint on one server of a hub, tried with some credentials."""

import uuid
from collections.abc import Iterator

import httpx

from crewai_hitl_nb.server.describe.operations import OPERATIONS
from tests.hub.hub_process import Place
from tests.server.door import client, question

PUBLIC = {"health", "health/live"}
NAMES = {
    "execution_id": "x",
    "crew_id": "c",
    "request_id": "r",
    "rule_id": "u",
    "sha256": "0" * 64,
    "source_id": "s",
}


def doors() -> Iterator[tuple[str, str]]:
    """Return the method and the path of every endpoint that is not for everybody."""
    for method, path in OPERATIONS:
        filled = path.strip("/").replace("[/{execution_id}]", "").format(**NAMES)
        if filled not in PUBLIC:
            yield method.upper(), filled


async def opened(place: Place, headers: dict[str, str]) -> set[str]:
    """Return the endpoints that accept these credentials."""
    async with httpx.AsyncClient(base_url=place.url, headers=headers) as http:
        replies = {
            f"{method} {path}": await http.request(method, path, json={})
            for method, path in doors()
        }
    shut = (302, 403)  # a page sends whom it does not know to log in
    return {door for door, reply in replies.items() if reply.status_code not in shut}


async def ask(place: Place) -> str:
    """Publish a question as the server's owner and return its request id."""
    async with client(place) as http:
        reply = await http.post("events", json=question(str(uuid.uuid4())))
        return str(reply.raise_for_status().json()["events"][0]["request_id"])
