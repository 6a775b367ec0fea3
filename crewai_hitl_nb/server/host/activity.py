"""Marks the host as active while a crew waits for a person.

An idle host is stopped by its own timeout or by a JupyterHub's culler, and a kernel that waits for
an answer looks idle: it prints nothing. So a question that a living process waits for counts as
activity, for a while. A question without a waiting process does not: it is still there after the
next start. Neither does reading: a forgotten tab must not keep a server alive (the streams set
``_track_activity`` to False and send no pings to readers).

Above it is the runtime; it knows the host's settings and the broker.
"""

import asyncio
from collections.abc import MutableMapping
from datetime import datetime, timedelta
from typing import Any, Final

from crewai_hitl_nb.broker.broker import Broker, utc_now

SETTING: Final = "crewai_hitl_last_activity"
"""The host treats every setting whose name ends so as a sign of activity."""

LOOK_SECONDS: Final = 60.0
"""Far shorter than any timeout after which a server counts as idle."""


def note(
    settings: MutableMapping[str, Any], broker: Broker, *, hours: float, now: datetime
) -> None:
    """Mark the host as active if a process waits for an answer and asked in the last ``hours``."""
    if broker.waited_for_since(now - timedelta(hours=hours)):
        settings[SETTING] = now


async def keep_noting(settings: MutableMapping[str, Any], broker: Broker, *, hours: float) -> None:
    """Check every :data:`LOOK_SECONDS`; cancel it to stop."""
    while True:
        note(settings, broker, hours=hours, now=utc_now())
        await asyncio.sleep(LOOK_SECONDS)
