"""The output of a run: one MIME bundle, as for a question (``bundle.py``).

It has the run's id and the event that began it. The view reads the rest from the log, so it
survives a page reload while the kernel is busy, and later shows the record of the run.
"""

import msgspec

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.protocol.runs import RunStarted, run_event_to_wire
from crewai_hitl_nb.protocol.wire import encode_event
from crewai_hitl_nb.widget.bundle import CARD_MIME, Bundle, widget_view


def run_bundle(begun: RunStarted, endpoint: Endpoint | None = None) -> Bundle:
    """Return the MIME bundle of a run, and its metadata.

    Args:
        begun: The event that began it.
        endpoint: The server that the kernel contacts for a browser that cannot reach it; None to
            find it.
    """
    payload = {
        "mode": "run",
        "execution_id": begun.execution_id,
        "event": msgspec.json.decode(encode_event(run_event_to_wire(begun))),
    }
    where = f" Watch and answer it at {endpoint.for_people}" if endpoint is not None else ""
    view, metadata = widget_view(payload, endpoint)
    text = f"The {begun.kind} {begun.name!r} is running.{where}"
    return {**view, CARD_MIME: payload, "text/plain": text}, metadata
