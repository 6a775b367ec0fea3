"""``crewai-hitl watch``: shows events live and reconnects when the connection is lost."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, cast

import click
import msgspec

from crewai_hitl_nb.cli.settings import Settings, json_option, server_options
from crewai_hitl_nb.cli.wording import event_line
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.protocol.wire import encode_event

if TYPE_CHECKING:
    from crewai_hitl_nb.cli.output import Screen
    from crewai_hitl_nb.client import Endpoint
    from crewai_hitl_nb.client.resume import Cursor, Replay
    from crewai_hitl_nb.client.stream import StreamItem, Subscription

_REPLAYS: Final = ("pending", "all", "none")


@click.command()
@click.option("--execution", metavar="ID", help="Only this execution.")
@click.option(
    "--type", "types", metavar="TYPE", multiple=True, help="Only this event type. Repeatable."
)
@click.option("--last-event-id", metavar="ID", help="Start after this event.")
@click.option(
    "--replay",
    type=click.Choice(_REPLAYS),
    help="What to show first without --last-event-id: the open questions (the server's default),"
    " all stored events, or nothing.",
)
@server_options
@json_option
@click.pass_obj
def watch(
    settings: Settings,
    execution: str | None,
    types: tuple[str, ...],
    last_event_id: str | None,
    replay: str | None,
) -> None:
    """Show events as they happen, until Ctrl-C (exit code 0).

    When the connection is lost or the server restarts, the command reconnects and continues
    after the last event it has shown: no event is missed or repeated. If the log cannot continue
    from there, a `gap` is shown first, and then all stored events. With --json, each line is an
    event as the server sends it, or a gap.
    """
    from crewai_hitl_nb.client.resume import Cursor
    from crewai_hitl_nb.client.stream import Subscription

    subscription = Subscription(execution, types, cast("Replay | None", replay))
    cursor = Cursor(last_event_id)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_follow(settings.endpoint(), settings.screen, subscription, cursor))


async def _follow(
    endpoint: "Endpoint", screen: "Screen", subscription: "Subscription", cursor: "Cursor"
) -> None:
    from crewai_hitl_nb.client import AsyncClient

    async with AsyncClient(endpoint=endpoint) as client:
        await client.health()  # fail at once if the server is not there at the start
        async with contextlib.aclosing(client.stream(subscription, cursor=cursor).items()) as items:
            async for item in items:
                _show(screen, endpoint, item)


def _show(screen: "Screen", endpoint: "Endpoint", item: "StreamItem") -> None:
    from crewai_hitl_nb.client.stream import Connected, Disconnected

    match item:
        case Connected():
            screen.ask((f"watching {endpoint.url} over {item.transport}", "dim"))
        case Disconnected():
            screen.ask((f"connection lost ({item.reason}); reconnecting", "yellow"))
        case Gap():
            _tell(screen, item, msgspec.json.encode(item))
        case _:
            _tell(screen, item, encode_event(item))


def _tell(screen: "Screen", item: Event | Gap, encoded: bytes) -> None:
    if screen.as_json:
        screen.record(encoded)
    else:
        screen.say(*event_line(item))
