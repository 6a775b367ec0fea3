"""The card as a widget: traits only, everything else is the front end's.

The same component as the JupyterLab extension draws (``js/src/view/``), for front ends
without that extension. It holds the question and talks to the server itself, or where the
browser cannot reach it through ``relay.py``; it neither answers nor waits, and it knows
neither crewAI nor the bridge.
"""

from typing import Any

import anywidget
import traitlets
from ipywidgets import widget_serialization

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.widget.allow_list import Scope
from crewai_hitl_nb.widget.relay import Relay
from crewai_hitl_nb.widget.script import CardScript, shared


class CardWidget(anywidget.AnyWidget):
    """One card, or the inbox of all pending requests.

    Args:
        endpoint: The server, for a browser that cannot reach it; None to find it.
        traits: See below.
    """

    request = traitlets.Dict(help="`request_id` and the asking event.").tag(sync=True)
    via = traitlets.Unicode("widget", help="How answers from here are called.").tag(sync=True)
    mode = traitlets.Enum(("card", "inbox"), default_value="card").tag(sync=True)

    script = traitlets.Instance(CardScript, help="What draws it.").tag(
        sync=True, **widget_serialization
    )

    def __init__(self, endpoint: Endpoint | None = None, **traits: Any) -> None:
        common = shared()
        if not hasattr(type(self), "_esm"):
            type(self)._esm = common.loader
        # A layout is a widget as well, with a message of its own when each card has one.
        given = {"script": common.script(), "layout": common.layout(), **traits}
        super().__init__(**given)
        self._relay = Relay(self.send, lambda: Scope.of(self.mode, self.request), endpoint)
        self.on_msg(lambda _, content, __: self._relay.take(content))

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Leave the traits as they are: a page reads them, and what it may do hangs on them."""

    def close(self) -> None:
        """Close the comm and what the browser read through it."""
        self._relay.close()
        super().close()
