"""What a question looks like as an output: one MIME bundle for every front end.

* the widget view, for front ends without our extension;
* the card's own MIME type, which the JupyterLab extension prefers, because it needs no
  kernel: it survives a reload while the cell blocks, and a notebook opened again later;
* plain text, for everything else.
"""

from typing import Any, Final

import msgspec

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.protocol.lines import logger
from crewai_hitl_nb.protocol.visible import visible_lines
from crewai_hitl_nb.protocol.wire import encode_event
from crewai_hitl_nb.widget.card import CardWidget
from crewai_hitl_nb.widget.script import FrontEndNotBuilt

CARD_MIME: Final = "application/vnd.crewai-hitl.request+json"

_log = logger(__name__)


def card_bundle(request: HumanInputRequired, endpoint: Endpoint | None = None) -> dict[str, Any]:
    """Return the MIME bundle of a question.

    Args:
        request: The question.
        endpoint: The server, for a browser that cannot reach it; None to find it.
    """
    payload = {
        "request_id": request.request_id,
        "event": msgspec.json.decode(encode_event(request)),
    }
    return {
        **widget_view(payload, endpoint),
        CARD_MIME: payload,
        "text/plain": visible_lines(f"{request.prompt}\n\n{request.context}"),
    }


def widget_view(payload: dict[str, Any], endpoint: Endpoint | None) -> dict[str, Any]:
    """Return the widget's part of a bundle; none where the front end was never built."""
    try:
        bundle = CardWidget(endpoint, request=payload)._repr_mimebundle_()
    except FrontEndNotBuilt as error:
        _log.warning("%s", error)
        return {}
    return dict(bundle[0]) if bundle is not None else {}
