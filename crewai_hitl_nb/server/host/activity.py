"""Tells the host that it is in use while a crew waits for a person.

A host that was idle for long is stopped, by its own timeout or by a JupyterHub's culler, and a
kernel that waits for an answer looks idle: it prints nothing. So a question that a living
process waits for counts as activity, for a while. A question that nobody waits for does not:
it is still there after the next start. Nor does reading: a forgotten tab must not keep a
server alive (the streams set ``_track_activity`` to False and send no pings to readers).

Above it is the application; it knows the host's settings and the broker.
"""

import asyncio
from collections.abc import MutableMapping
from datetime import datetime, timedelta
from typing import Any, Final

from crewai_hitl_nb.broker.broker import Broker, utc_now

SETTING: Final = "crewai_hitl_last_activity"
"""The host takes every setting whose name ends so for a sign of life."""

LOOK_SECONDS: Final = 60.0
"""Far below the time after which anybody calls a server idle."""


def note(
    settings: MutableMapping[str, Any], broker: Broker, *, hours: float, now: datetime
) -> None:
    """Say that the host is in use now, if a process waits that asked in the last ``hours``."""
    if broker.waited_for_since(now - timedelta(hours=hours)):
        settings[SETTING] = now


async def keep_noting(settings: MutableMapping[str, Any], broker: Broker, *, hours: float) -> None:
    """Look again and again; cancel it to stop."""
    while True:
        note(settings, broker, hours=hours, now=utc_now())
        await asyncio.sleep(LOOK_SECONDS)
