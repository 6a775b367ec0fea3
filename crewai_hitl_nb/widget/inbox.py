"""The inbox as an output: every pending request, live, in any notebook.

The same script as the card's, in its other mode. It asks the server itself, so it shows
the questions of every notebook, whichever kernel it was displayed by.
"""

from typing import Any

from crewai_hitl_nb.widget.bundle import CARD_MIME
from crewai_hitl_nb.widget.card import CardWidget


class InboxWidget(CardWidget):
    """The list of all that is pending."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(mode="inbox", **traits)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the widget's view, and for the lab extension the type it draws itself."""
        bundle = super()._repr_mimebundle_(**options)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, CARD_MIME: {"mode": "inbox"}, "text/plain": "Waiting for you"}, metadata


def inbox() -> InboxWidget:
    """Return the inbox: every pending request, live, to answer from this notebook.

    Put it last in a cell, in any notebook of the same server.

    Raises:
        FrontEndNotBuilt: In a source tree that was never built.
    """
    return InboxWidget()
