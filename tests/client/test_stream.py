"""One body of tests over the three transports, against a real server and a real network."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from crewai_hitl_nb.client import AsyncClient, Client
from crewai_hitl_nb.client.resume import Cursor, Transport
from crewai_hitl_nb.client.stream import Connected, Disconnected, Stream, StreamItem, Subscription
from crewai_hitl_nb.protocol.errors import Forbidden
from crewai_hitl_nb.protocol.events import Event, HumanInputCompleted, HumanInputRequired
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.events import other, required
from tests.relay import Relay

KEY = "the-api-key"
TRANSPORTS: tuple[Transport, ...] = ("websocket", "sse", "poll")
LIMIT_SECONDS = 30.0


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HumanInputServer]:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    with HumanInputServer(port=0, api_key=KEY) as running:
        yield running


@pytest.fixture
def client(server: HumanInputServer) -> Iterator[Client]:
    with Client(server.url, KEY) as client:
        yield client


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    transport: Transport = request.param
    return transport


async def take_until(items: AsyncIterator[StreamItem], wanted: type | str) -> list[StreamItem]:
    """Read items up to the one of a type, or the event with an id."""

    async def take() -> list[StreamItem]:
        taken: list[StreamItem] = []
        async for item in items:
            taken.append(item)
            if getattr(item, "event_id", None) == wanted:
                break
            if isinstance(wanted, type) and isinstance(item, wanted):
                break
        return taken

    return await asyncio.wait_for(take(), LIMIT_SECONDS)


def ids(items: list[StreamItem]) -> list[str]:
    return [item.event_id for item in items if not isinstance(item, Gap | Connected | Disconnected)]


def named(*names: str) -> list[Event]:
    return [other(event_id=name) for name in names]


def stream_of(client: AsyncClient, transport: Transport, cursor: Cursor | None = None) -> Stream:
    return client.stream(Subscription(replay="all"), cursor=cursor, transports=(transport,))


@pytest.mark.asyncio
async def test_what_is_stored_comes_first_then_live_then_what_happens(
    server: HumanInputServer, client: Client, transport: Transport
) -> None:
    await asyncio.to_thread(client.publish, *named("a", "b"))
    async with AsyncClient(server.url, KEY) as reader:
        items = stream_of(reader, transport).items()

        before = await take_until(items, Connected)
        await asyncio.to_thread(client.publish, *named("c"))
        after = await take_until(items, "c")
        await items.aclose()

    assert ids(before) == ["a", "b"]
    assert ids(after) == ["c"]


@pytest.mark.asyncio
async def test_nothing_is_missed_and_nothing_repeated_when_the_network_breaks(
    server: HumanInputServer, client: Client, transport: Transport
) -> None:
    with Relay(server.port) as relay:
        async with AsyncClient(f"http://127.0.0.1:{relay.port}/", KEY) as reader:
            items = stream_of(reader, transport).items()
            await take_until(items, Connected)
            await asyncio.to_thread(client.publish, *named("a"))
            seen = await take_until(items, "a")

            await asyncio.to_thread(relay.cut)
            await asyncio.to_thread(client.publish, *named("b", "c"))
            seen += await take_until(items, Disconnected)
            await asyncio.to_thread(relay.restore)
            await asyncio.to_thread(client.publish, *named("d"))
            seen += await take_until(items, "d")
            await items.aclose()

    assert ids(seen) == ["a", "b", "c", "d"]


@pytest.mark.asyncio
async def test_a_log_that_lost_history_is_read_anew_although_it_has_the_last_event_again(
    server: HumanInputServer, client: Client, transport: Transport
) -> None:
    """Its offset is another one then, and those of later events are no higher than it was."""
    with Relay(server.port) as relay, HumanInputServer(port=0, api_key=KEY) as later:
        async with AsyncClient(f"http://127.0.0.1:{relay.port}/", KEY) as reader:
            items = stream_of(reader, transport).items()
            await take_until(items, Connected)
            await asyncio.to_thread(client.publish, *named("a", "b", "c"))
            await take_until(items, "c")

            await asyncio.to_thread(relay.cut)
            relay.target = later.port
            with Client(later.url, KEY) as publisher:
                await asyncio.to_thread(publisher.publish, *named("c", "d", "e"))
            await asyncio.to_thread(relay.restore)
            seen = await take_until(items, "e")
            await items.aclose()

    assert [item.reason for item in seen if isinstance(item, Gap)] == ["unknown_event_id"]
    assert ids(seen) == ["c", "d", "e"]


@pytest.mark.asyncio
async def test_a_reader_goes_on_where_it_stopped_over_another_transport(
    server: HumanInputServer, client: Client
) -> None:
    cursor = Cursor()
    seen: list[str] = []
    async with AsyncClient(server.url, KEY) as reader:
        for transport, name in zip(TRANSPORTS, "abc", strict=True):
            await asyncio.to_thread(client.publish, *named(name))
            items = stream_of(reader, transport, cursor).items()
            seen += ids(await take_until(items, name))
            await items.aclose()

    assert seen == ["a", "b", "c"]


@pytest.mark.asyncio
async def test_an_unknown_last_id_gets_a_gap_and_then_everything(
    server: HumanInputServer, client: Client, transport: Transport
) -> None:
    await asyncio.to_thread(client.publish, *named("a", "b"))
    async with AsyncClient(server.url, KEY) as reader:
        items = stream_of(reader, transport, Cursor("never-seen")).items()
        seen = await take_until(items, "b")
        await items.aclose()

    assert isinstance(seen[0], Gap)
    assert ids(seen) == ["a", "b"]


@pytest.mark.asyncio
async def test_a_refused_key_ends_the_stream_and_is_not_tried_again(
    server: HumanInputServer, transport: Transport
) -> None:
    async with AsyncClient(server.url, "wrong") as reader:
        with pytest.raises(Forbidden):
            await take_until(stream_of(reader, transport).items(), Connected)


@pytest.mark.asyncio
async def test_only_the_chosen_types_come(
    server: HumanInputServer, client: Client, transport: Transport
) -> None:
    await asyncio.to_thread(client.publish, other("rain"), required("r", event_id="asked"))
    async with AsyncClient(server.url, KEY) as reader:
        subscription = Subscription(types=("human_input_required",), replay="all")
        items = reader.stream(subscription, transports=(transport,)).items()
        seen = await take_until(items, Connected)
        await items.aclose()

    assert ids(seen) == ["asked"]


def test_the_blocking_stream_shows_a_question_and_its_answer(client: Client) -> None:
    client.publish(required("r"))
    events = client.events()
    asked = next(events)
    client.answer("r", "Shorter")
    answered = next(events)

    assert isinstance(asked, HumanInputRequired)
    assert isinstance(answered, HumanInputCompleted)
    assert answered.human_feedback == "Shorter"


def test_closing_the_client_ends_its_streams(server: HumanInputServer) -> None:
    client = Client(server.url, KEY)
    client.publish(required("r"))
    events = client.events()
    next(events)

    client.close()
    client.close()

    events.close()
