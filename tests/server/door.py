"""A running server as its callers see it: an address, a token, and what can be asked of it.

Every test speaks to it over real connections; ``app`` is there for what only the host
itself can do (start, stop, turn the token off).
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import anyio
import httpx
import pytest
import websockets
from jupyter_server.serverapp import ServerApp

from crewai_hitl_nb.server.services import SETTING, Services

Json: TypeAlias = dict[str, Any]
T = TypeVar("T")

PATIENCE_SECONDS = 15.0
"""How long a test waits for something that must come; far above what anything takes."""


class Address(Protocol):
    """Where a server is and how to be let in: the in-process one or one of its own process."""

    @property
    def url(self) -> str:
        """Where."""
        ...

    @property
    def token(self) -> str:
        """As whom."""
        ...


class Door:
    """The prefix of a running Jupyter server."""

    def __init__(self, app: ServerApp, url: str, token: str, data_dir: Path) -> None:
        self.app = app
        self.url = url
        self.token = token
        self.data_dir = data_dir
        self.http = client(self)

    @property
    def services(self) -> Services:
        """What the handlers of this server work with."""
        services: Services = self.app.web_app.settings[SETTING]
        return services

    async def open(self) -> None:
        await self.app.extension_manager.start_all_extensions()

    async def close(self) -> None:
        await self.app.extension_manager.stop_all_extensions()

    async def restart(self) -> None:
        """Close the log and open it again, as a restart of the server does."""
        await self.close()
        await self.open()

    async def publish(self, *events: Json) -> list[Json]:
        """Publish the events together and return where they stand."""
        reply = await self.http.post("events", json=list(events))
        assert reply.status_code == 200, reply.text
        placed: list[Json] = reply.json()["events"]
        return placed

    async def ask(self, request_id: str | None = None, **fields: Any) -> str:
        """Publish a question and return its request id."""
        (placed,) = await self.publish(question(request_id, **fields))
        return str(placed["request_id"])

    async def answer(self, request_id: str, **body: Any) -> httpx.Response:
        return await self.http.post(f"requests/{request_id}/answer", json=body)

    async def request(self, request_id: str) -> Json:
        reply = await self.http.get(f"requests/{request_id}")
        assert reply.status_code == 200, reply.text
        found: Json = reply.json()
        return found

    async def kept(self) -> list[Json]:
        """Return every event that the log still has."""
        events: list[Json] = (await self.http.get("poll/human-input")).json()["events"]
        return events

    async def health(self) -> Json:
        found: Json = (await self.http.get("health")).json()
        return found

    async def until_subscriptions(self, number: int) -> None:
        """Wait until so many readers are connected."""
        await until(self.health, lambda health: health["subscriptions"] == number)

    async def until_status(self, request_id: str, status: str) -> Json:
        """Wait until a request stands so, and return it."""
        return await until(lambda: self.request(request_id), lambda r: r["status"] == status)


def client(address: Address, **headers: str) -> httpx.AsyncClient:
    """Return an HTTP client with the address as its base and the token as its right."""
    return httpx.AsyncClient(
        base_url=address.url,
        headers={"Authorization": f"Bearer {address.token}", **headers},
        timeout=PATIENCE_SECONDS,
    )


@asynccontextmanager
async def socket(
    address: Address,
    path: str = "ws/human-input",
    headers: dict[str, str] | None = None,
    **params: str,
) -> AsyncIterator[websockets.ClientConnection]:
    """Open a WebSocket with the token as its right."""
    url = str(httpx.URL(address.url.replace("http", "ws", 1) + path, params=params))
    credentials = {"Authorization": f"token {address.token}"}
    async with websockets.connect(
        url, additional_headers={**credentials, **(headers or {})}, close_timeout=2
    ) as connection:
        yield connection


async def until(look: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Look again and again until what is seen is good, and return it."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while not good(seen := await look()):  # noqa: ASYNC110 - the condition is the server's
            await anyio.sleep(0.01)
    return seen


def question(request_id: str | None = None, **fields: Any) -> Json:
    """Return a question as a publisher sends it."""
    named = {} if request_id is None else {"request_id": request_id}
    return {"type": "human_input_required", "prompt": "Good?", **named, **fields}


def note(name: str | None = None, **fields: Any) -> Json:
    """Return an event of a type that nobody here knows; its name is its id."""
    return {"type": "note", "event_id": name or f"note-{uuid.uuid4()}", **fields}


def ids(events: list[Json]) -> list[str]:
    return [str(event["event_id"]) for event in events]


def configured(**traits: Any) -> pytest.MarkDecorator:
    """Let one test run with these traits of ``HumanInputApp``."""
    return pytest.mark.parametrize("traits", [traits], ids=[",".join(traits)])


both_ways = pytest.mark.parametrize("shortcuts", [True, False], ids=["shortcuts", "plain"])
"""Let a test run with the shortcuts past Tornado's code, and again without them."""
