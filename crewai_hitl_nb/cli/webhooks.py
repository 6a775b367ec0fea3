"""``crewai-hitl webhooks``: lists the server's webhooks and their latest deliveries."""

import asyncio
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click
import msgspec

from crewai_hitl_nb.cli.settings import Settings, json_option, server_options
from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.terminal.wording import Part, age

if TYPE_CHECKING:
    from crewai_hitl_nb.client import Endpoint

COLUMNS = ("WEBHOOK", "EVENT", "TYPE", "OUTCOME", "ATTEMPTS", "LAST ANSWER", "AGE")

_STYLES = {"active": "green", "retrying": "yellow", "disabled": "red"}
_SECONDS = 10.0


class Attempt(msgspec.Struct, frozen=True):
    """One delivery attempt, as the server lists it."""

    at: datetime
    status: int | None = None
    error: str = ""


class Delivery(msgspec.Struct, frozen=True):
    """The delivery of one event to one webhook, as the server lists it."""

    event_id: str
    type: str
    outcome: str
    attempts: list[Attempt]


class Webhook(msgspec.Struct, frozen=True):
    """One webhook, as the server lists it."""

    id: str
    url: str
    status: str
    cursor: int
    next_attempt: datetime | None = None
    deliveries: list[Delivery] = []


class Listing(msgspec.Struct, frozen=True):
    """The response of ``GET webhooks``."""

    webhooks: list[Webhook]
    trouble: str | None = None


@click.command()
@server_options
@json_option
@click.pass_obj
def webhooks(settings: Settings) -> None:
    """Show the server's webhooks and their latest deliveries, newest first.

    With --json, each line is one webhook. The command fails if the server sends nothing because
    its webhook configuration is wrong.
    """
    raw = asyncio.run(_listing(settings.endpoint()))
    listing = msgspec.convert(raw, Listing)
    if listing.trouble:
        raise HitlError(f"the server does not send webhooks: {listing.trouble}")
    if settings.as_json:
        for webhook in raw["webhooks"]:
            settings.screen.record(webhook)
        return
    _show(settings, listing)


async def _listing(endpoint: "Endpoint") -> Any:
    from crewai_hitl_nb.client.http import call, open_http

    async with open_http(endpoint, seconds=_SECONDS) as http:
        return await call(http, "GET", "webhooks")


def _show(settings: Settings, listing: Listing) -> None:
    screen, now = settings.screen, datetime.now(timezone.utc)
    if not listing.webhooks:
        screen.ask("No webhook is configured on this server.")
        return
    for webhook in listing.webhooks:
        screen.ask(*_heading(webhook))
    rows = [
        _row(webhook, delivery, now)
        for webhook in listing.webhooks
        for delivery in webhook.deliveries
    ]
    if rows:
        screen.table(COLUMNS, rows)


def _heading(webhook: Webhook) -> list[Part]:
    """Return one line that describes a webhook."""
    again = ""
    if webhook.next_attempt is not None:
        again = f", next attempt {webhook.next_attempt.astimezone():%Y-%m-%d %H:%M:%S}"
    return [
        (webhook.id, "cyan"),
        f"  {webhook.url}  ",
        (webhook.status, _STYLES.get(webhook.status, "")),
        f", up to event {webhook.cursor}{again}",
    ]


def _row(webhook: Webhook, delivery: Delivery, now: datetime) -> tuple[str, ...]:
    last = delivery.attempts[-1]
    return (
        webhook.id,
        delivery.event_id,
        delivery.type,
        delivery.outcome,
        str(len(delivery.attempts)),
        str(last.status or last.error),
        age(last.at, now),
    )
