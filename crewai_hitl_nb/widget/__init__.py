"""The widgets that a notebook displays, in any front end: cards, runs and the inbox.

They build on the client, the protocol and anywidget; the kernel half uses them. They do not
import crewAI.
"""

from crewai_hitl_nb.widget.card import CardWidget
from crewai_hitl_nb.widget.inbox import InboxWidget, inbox
from crewai_hitl_nb.widget.script import FrontEndNotBuilt

__all__ = ["CardWidget", "FrontEndNotBuilt", "InboxWidget", "inbox"]
