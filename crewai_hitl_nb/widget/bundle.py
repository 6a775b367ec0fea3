"""The output of a question: one MIME bundle for every front end.

* The widget view, for front ends without our extension.
* The card's own MIME type, which the JupyterLab extension prefers because it needs no kernel: the
  card survives a page reload while the cell blocks, and is there when the notebook is reopened.
* Plain text, for everything else.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.protocol.escapes import visible_lines
from crewai_hitl_nb.protocol.events import ClosingEvent, HumanInputCompleted, HumanInputRequired
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.protocol.wire import encode_event
from crewai_hitl_nb.terminal.wording import by, ending
from crewai_hitl_nb.widget.card import CardWidget
from crewai_hitl_nb.widget.script import FrontEndNotBuilt

CARD_MIME: Final = "application/vnd.crewai-hitl.request+json"

_log = logger(__name__)


def card_bundle(request: HumanInputRequired, endpoint: Endpoint | None = None) -> dict[str, Any]:
    """Return the MIME bundle of a question.

    Args:
        request: The question.
        endpoint: The server that the kernel contacts for a browser that cannot reach it; None to
            find it.
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


def with_outcome(bundle: Mapping[str, Any], closing: ClosingEvent) -> dict[str, Any]:
    """Return a question's bundle with its outcome: a saved notebook may outlive the log."""
    end = msgspec.json.decode(encode_event(closing))
    text = f"{bundle['text/plain']}\n\n{visible_lines(_outcome_text(closing))}"
    return {**bundle, CARD_MIME: {**bundle[CARD_MIME], "completion": end}, "text/plain": text}


def _outcome_text(closing: ClosingEvent) -> str:
    if not isinstance(closing, HumanInputCompleted):
        return ending(closing)
    values = msgspec.json.encode(closing.values).decode() if closing.values else ""
    words = [", ".join(closing.options or ()), closing.human_feedback, values]
    answer = "\n".join(word for word in words if word)
    return f"{closing.decision} by {by(closing.answered_by)}\n{answer}".strip()


def widget_view(payload: dict[str, Any], endpoint: Endpoint | None) -> dict[str, Any]:
    """Return the widget's part of a bundle; it is empty if the front end was never built."""
    try:
        bundle = CardWidget(endpoint, request=payload)._repr_mimebundle_()
    except FrontEndNotBuilt as error:
        _log.warning("%s", error)
        return {}
    return dict(bundle[0]) if bundle is not None else {}
