"""The card as a widget: traits only, everything else is the front end's.

The same component as the JupyterLab extension draws (``js/src/view/``), for front ends
without that extension. It holds the question and talks to the server itself, or where the
browser cannot reach it through ``relay.py``; it neither answers nor waits, and it knows
neither crewAI nor the bridge.
"""

from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.widget.relay import Relay

BUILT_CARD: Final = Path(__file__).parent / "static" / "card.js"


class FrontEndNotBuilt(RuntimeError):
    """The widget's script is missing: this is a source tree that was never built."""


def load_script() -> str:
    """Return the widget's script.

    Raises:
        FrontEndNotBuilt: Saying how to build it.
    """
    try:
        return BUILT_CARD.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FrontEndNotBuilt(
            "the front end of crewai-hitl-nb is not built; run `make build` in its source tree, "
            "or install a wheel"
        ) from None


class CardWidget(anywidget.AnyWidget):
    """One card, or the inbox of all pending requests.

    Args:
        endpoint: The server, for a browser that cannot reach it; None to find it.
        traits: See below.
    """

    request = traitlets.Dict(help="`request_id` and the asking event.").tag(sync=True)
    via = traitlets.Unicode("widget", help="How answers from here are called.").tag(sync=True)
    mode = traitlets.Enum(("card", "inbox"), default_value="card").tag(sync=True)

    def __init__(self, endpoint: Endpoint | None = None, **traits: Any) -> None:
        if not hasattr(type(self), "_esm"):
            type(self)._esm = load_script()
        super().__init__(**traits)
        self._relay = Relay(self.send, endpoint)
        self.on_msg(lambda _, content, __: self._relay.take(content))

    def close(self) -> None:
        """Close the comm and what the browser read through it."""
        self._relay.close()
        super().close()
