"""The output of a question: one MIME bundle for every front end.

* The widget view, for front ends without our extension.
* The card's own MIME type, which the JupyterLab extension prefers because it needs no kernel: the
  card survives a page reload while the cell blocks, and is there when the notebook is reopened.
* HTML, Markdown and plain text, for everything else (``saved_output.py``).
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.protocol.events import ClosingEvent, HumanInputRequired
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.protocol.wire import encode_event
from crewai_hitl_nb.widget.card import CardWidget
from crewai_hitl_nb.widget.saved_output import saved_output
from crewai_hitl_nb.widget.script import FrontEndNotBuilt

CARD_MIME: Final = "application/vnd.crewai-hitl.request+json"

Bundle: TypeAlias = tuple[dict[str, Any], dict[str, Any]]
"""The data by MIME type, and the metadata, in which anywidget tells Colab how to draw a widget."""

_log = logger(__name__)


def card_bundle(request: HumanInputRequired, endpoint: Endpoint | None = None) -> Bundle:
    """Return the MIME bundle of a question, and its metadata.

    Args:
        request: The question.
        endpoint: The server that the kernel contacts for a browser that cannot reach it; None to
            find it.
    """
    payload = {
        "request_id": request.request_id,
        "event": msgspec.json.decode(encode_event(request)),
    }
    view, metadata = widget_view(payload, endpoint)
    return {**view, CARD_MIME: payload, **saved_output(request, None)}, metadata


def with_outcome(
    data: Mapping[str, Any], request: HumanInputRequired, closing: ClosingEvent
) -> dict[str, Any]:
    """Return the data of a question's bundle with its outcome: a notebook may outlive the log."""
    payload = {**data[CARD_MIME], "completion": msgspec.json.decode(encode_event(closing))}
    return {**data, CARD_MIME: payload, **saved_output(request, closing)}


def widget_view(payload: dict[str, Any], endpoint: Endpoint | None) -> Bundle:
    """Return the widget's part of a bundle; it is empty if the front end was never built."""
    try:
        bundle = CardWidget(endpoint, request=payload)._repr_mimebundle_()
    except FrontEndNotBuilt as error:
        _log.warning("%s", error)
        return {}, {}
    return ({}, {}) if bundle is None else (dict(bundle[0]), dict(bundle[1]))
