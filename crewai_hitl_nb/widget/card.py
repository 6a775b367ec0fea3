"""The card as a widget: the Python side has only traits, and the front end does the rest.

The front end draws the same component as in the JupyterLab extension (``js/src/view/``), for front
ends without that extension. It gets the question from the traits and talks to the server itself,
or through ``relay.py`` if the browser cannot reach the server. The Python side neither answers nor
waits, and depends on neither crewAI nor the bridge.
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
        endpoint: The server that the kernel contacts for a browser that cannot reach it; None to
            find it.
        traits: The traits below.
    """

    request = traitlets.Dict(help="`request_id` and the asking event.").tag(sync=True)
    via = traitlets.Unicode("widget", help="The `via` of answers from here.").tag(sync=True)
    mode = traitlets.Enum(("card", "inbox"), default_value="card").tag(sync=True)

    script = traitlets.Instance(CardScript, help="The script that draws it.").tag(
        sync=True, **widget_serialization
    )

    # If they were not declared here, anywidget would add both to each card; see `add_traits`.
    _esm = traitlets.Unicode(help="The loader, which fetches the script.").tag(sync=True)
    _anywidget_id = traitlets.Unicode(f"{__name__}.CardWidget").tag(sync=True)

    def __init__(self, endpoint: Endpoint | None = None, **traits: Any) -> None:
        common = shared()
        # A layout is a widget too: sharing one saves a message for each card.
        given = {"script": common.script(), "layout": common.layout(), **traits}
        if self.has_trait("_esm"):  # a subclass may have a script of its own
            given = {"_esm": common.loader, **given}
        self._relay = Relay(self.send, lambda: Scope.of(self.mode, self.request), endpoint)
        super().__init__(**given)
        self.on_msg(lambda _, content, __: self._relay.take(content))

    def add_traits(self, **traits: Any) -> None:
        """Add the traits that the class lacks.

        anywidget calls this for each card, and traitlets then creates a class for that card alone,
        which takes more than half of the time that a card takes.
        """
        missing = {name: trait for name, trait in traits.items() if not self.has_trait(name)}
        if missing:
            super().add_traits(**missing)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Ignore changes from a page: its permissions depend on these traits."""

    def close(self) -> None:
        """Close the comm and the streams that the browser read through it."""
        self._relay.close()
        super().close()
