"""Reads a stream by long-poll: one call after the other, each held open for a while.

Above is ``stream.py``. What the other transports say with a heartbeat this one says
itself: after the first reply the replay is over. A call is held for one heartbeat, so that a
connection that is dead shows as soon as on the others.
"""

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime, timezone

import httpx

from crewai_hitl_nb.client.decode import Incoming, Refused, read_as, read_frame
from crewai_hitl_nb.client.http import call
from crewai_hitl_nb.client.results import PolledPage
from crewai_hitl_nb.client.resume import Patience
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.frames import Ack, Heartbeat


async def poll_events(
    http: httpx.AsyncClient, path: str, params: Mapping[str, str], patience: Patience
) -> AsyncGenerator[Incoming, None]:
    """Yield what comes until the server cannot be reached.

    Raises:
        ServerAway: When the server cannot be reached.
        HitlError: What the server refused with.
    """
    asked = {"limit": str(limits.MAX_POLL_EVENTS), **params}
    live = False
    while True:
        hold = patience.beat if live else 0.0
        raw = await call(
            http,
            "GET",
            path,
            params={**asked, "timeout": f"{hold:g}"},
            seconds=patience.seconds,
        )
        page: PolledPage = read_as(raw, PolledPage)
        if page.gap is not None:
            asked.pop("last_event_id", None)  # it is not in the log: asked again it is a gap again
            yield page.gap
        for body in page.events:
            frame = read_frame(body)
            if frame is not None and not isinstance(frame, Ack | Refused):
                yield frame
        if page.last_event_id is not None:
            asked["last_event_id"] = page.last_event_id
        if not live and not page.more and len(page.events) < limits.MAX_POLL_EVENTS:
            live = True
            yield Heartbeat(timestamp=datetime.now(timezone.utc), epoch="", offset=0)
