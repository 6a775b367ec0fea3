"""The inbox as an output: every pending request, live, in any notebook.

It uses the card's script in another mode. The script asks the server, so the inbox shows the
questions of every notebook, whichever kernel displayed it.
"""

from typing import Any

from crewai_hitl_nb.widget.bundle import CARD_MIME
from crewai_hitl_nb.widget.card import CardWidget


class InboxWidget(CardWidget):
    """The list of all pending requests."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(mode="inbox", **traits)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the widget's view, and the MIME type that the JupyterLab extension draws."""
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, CARD_MIME: {"mode": "inbox"}, "text/plain": "Waiting for you"}, metadata


def inbox() -> InboxWidget:
    """Return the inbox: a live list of all pending requests, which you can answer there.

    Make it the last expression of a cell, in any notebook of the same server.

    Raises:
        FrontEndNotBuilt: The package runs from a source tree that was never built.
    """
    return InboxWidget()
