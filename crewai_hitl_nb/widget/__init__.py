"""The widgets: what a notebook shows by itself, in any front end.

Below it are the protocol and anywidget; above it is the kernel half. It does not import
crewAI.
"""

from crewai_hitl_nb.widget.card import CardWidget
from crewai_hitl_nb.widget.inbox import InboxWidget, inbox
from crewai_hitl_nb.widget.script import FrontEndNotBuilt

__all__ = ["CardWidget", "FrontEndNotBuilt", "InboxWidget", "inbox"]
