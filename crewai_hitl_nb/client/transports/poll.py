"""Reads a stream by long-poll: one call after the other, each held open for a while.

``stream.py`` reads from here. On the other transports the server sends a heartbeat when the replay
is over; this module makes one after the last page of the replay, and when the epoch changes. The
server holds a call for one heartbeat interval, so that a dead connection is noticed as soon as on
the other transports.
"""

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime, timezone

import httpx

from crewai_hitl_nb.client.decode import Incoming, Refused, read_as, read_frame
from crewai_hitl_nb.client.http import call
from crewai_hitl_nb.client.results import PolledPage
from crewai_hitl_nb.client.resume import IdleTimeout
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.frames import Ack, Heartbeat


async def poll_events(
    http: httpx.AsyncClient, path: str, params: Mapping[str, str], idle: IdleTimeout
) -> AsyncGenerator[Incoming, None]:
    """Yield events, gaps, and a heartbeat for each epoch until the server cannot be reached.

    Raises:
        ServerAway: The server cannot be reached.
        HitlError: The server's refusal.
    """
    asked = {"limit": str(limits.MAX_POLL_EVENTS), **params}
    epoch = ""  # of the last heartbeat: the replay is over
    while True:
        hold = idle.heartbeat_seconds if epoch else 0.0
        raw = await call(
            http,
            "GET",
            path,
            params={**asked, "timeout": f"{hold:g}"},
            seconds=idle.seconds,
        )
        page: PolledPage = read_as(raw, PolledPage)
        if page.gap is not None:
            asked.pop("last_event_id", None)  # not in the log: it would get a gap again
            yield page.gap
        for body in page.events:
            frame = read_frame(body)
            if frame is not None and not isinstance(frame, Ack | Refused):
                yield frame
        if page.last_event_id is not None:
            asked["last_event_id"] = page.last_event_id
        is_complete = not page.more and len(page.events) < limits.MAX_POLL_EVENTS
        if is_complete and page.epoch != epoch:
            epoch = page.epoch
            idle.connecting()  # the time between two of these is no interval
            yield Heartbeat(timestamp=datetime.now(timezone.utc), epoch=epoch, offset=0)
