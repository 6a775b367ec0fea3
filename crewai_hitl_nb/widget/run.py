"""What a run looks like as an output: one MIME bundle, as a question has (``bundle.py``).

It names the run and holds the event that began it; the rest is read from the log, so the
view lives through a reload while the kernel is busy and shows the record ever after.
"""

from typing import Any

import msgspec

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.protocol.runs import RunStarted, run_event_to_wire
from crewai_hitl_nb.protocol.wire import encode_event
from crewai_hitl_nb.widget.bundle import CARD_MIME, widget_view


def run_bundle(begun: RunStarted, endpoint: Endpoint | None = None) -> dict[str, Any]:
    """Return the MIME bundle of a run.

    Args:
        begun: The event that began it.
        endpoint: The server, for a browser that cannot reach it; None to find it.
    """
    payload = {
        "mode": "run",
        "execution_id": begun.execution_id,
        "event": msgspec.json.decode(encode_event(run_event_to_wire(begun))),
    }
    where = f" Watch it and answer at {endpoint.for_people}" if endpoint is not None else ""
    return {
        **widget_view(payload, endpoint),
        CARD_MIME: payload,
        "text/plain": f"The {begun.kind} {begun.name!r} runs.{where}",
    }
