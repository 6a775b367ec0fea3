"""``GET audit``: returns the trail page by page, every event with its seal in the chain.

A limited key gets the events in its scope, each with the seal ``before`` it: its holder can verify
these events but not that none is missing, and the reply says so (``complete`` is false).
"""

from typing import Any

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.server import parameters
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs
from crewai_hitl_nb.store.trail import Entry, TrailPage


def page_to_wire(page: TrailPage, epoch: str) -> dict[str, Any]:
    """Return a page as it is sent; ``next`` is null after the last one."""
    last = page.entries[-1].offset if page.entries else page.head.offset
    return {
        "epoch": epoch,
        "chain": page.chain,
        "complete": page.within is None,
        "start": _place(page.start),
        "entries": _entries(page),
        "head": _place(page.head),
        "next": str(last) if last < page.head.offset else None,
    }


def _entries(page: TrailPage) -> list[dict[str, Any]]:
    said, before = [], page.start.seal
    for entry in page.entries:
        if page.within is None:
            said.append(_entry(entry))
        elif entry.execution_id in page.within.executions or entry.crew_id in page.within.crews:
            said.append({**_entry(entry), "before": before.hex()})
        before = entry.seal
    return said


def _entry(entry: Entry) -> dict[str, Any]:
    place: dict[str, Any] = {"offset": entry.offset, "seal": entry.seal.hex()}
    if entry.body is None:
        return {**place, "digest": entry.digest.hex()}
    return {**place, "event": msgspec.Raw(entry.body)}


def _place(head: Head) -> dict[str, Any]:
    return {"offset": head.offset, "seal": head.seal.hex()}


class AuditHandler(HitlHandler):
    """Serves the trail."""

    @needs("read")
    async def get(self) -> None:
        """Return the next entries that the caller may see."""
        self.services.limiter.take("read", self.caller)
        after = parameters.place(self, "after")
        limit = parameters.count(
            self, "limit", default=limits.PAGE_EVENTS, most=limits.MAX_POLL_EVENTS
        )
        await self.room()
        page = await self.broker.trail(after=after, limit=limit)
        self.reply(page_to_wire(page, self.broker.epoch))
