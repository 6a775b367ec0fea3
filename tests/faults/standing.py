"""The faults that stand for as long as a network is as it is, from ``standing.json``.

The same file is read by ``js/test/faults.test.ts``: both clients meet the same networks.
"""

from pathlib import Path

import msgspec

from crewai_hitl_nb.client.resume import Transport
from tests.faults.proxy import Rule


class Standing(msgspec.Struct, frozen=True):
    """A network, and the transport that gets through it."""

    name: str
    rules: tuple[Rule, ...]
    falls_to: Transport


STANDING = msgspec.json.decode(
    Path(__file__).with_name("standing.json").read_bytes(), type=tuple[Standing, ...]
)


def leaving(transport: Transport) -> tuple[Rule, ...]:
    """Return the rules of a network through which this is the best transport."""
    named = {"websocket": "nothing in the way", "sse": "upgrades left out"}
    name = named.get(transport, "streams held back")
    return next(standing.rules for standing in STANDING if standing.name == name)
