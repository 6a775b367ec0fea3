"""The card as a widget: traits only, everything else is the front end's.

The same component as the JupyterLab extension draws (``js/src/view/``), for front ends
without that extension. It holds the question and talks to the server itself; it neither
answers nor waits, and it knows neither crewAI nor the bridge.
"""

from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

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
    """One card, or the inbox of all pending requests."""

    request = traitlets.Dict(help="`request_id` and the asking event.").tag(sync=True)
    via = traitlets.Unicode("widget", help="How answers from here are called.").tag(sync=True)
    mode = traitlets.Enum(("card", "inbox"), default_value="card").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        if not hasattr(type(self), "_esm"):
            type(self)._esm = load_script()
        super().__init__(**traits)
