"""Faults that last as long as a network is as it is, from ``standing.json``.

``js/test/client/faults.test.ts`` reads the same file: both clients meet the same networks.
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
