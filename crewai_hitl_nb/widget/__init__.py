"""The widgets: what a notebook shows by itself, in any front end.

Below it are the protocol and anywidget; above it is the kernel half. It does not import
crewAI.
"""

from crewai_hitl_nb.widget.card import CardWidget, FrontEndNotBuilt

__all__ = ["CardWidget", "FrontEndNotBuilt", "inbox"]


def inbox() -> CardWidget:
    """Return the inbox: every pending request, live, to answer from this notebook.

    Put it last in a cell, in any notebook of the same server.

    Raises:
        FrontEndNotBuilt: In a source tree that was never built.
    """
    return CardWidget(mode="inbox")
