"""The card's script as a separate widget, shared by all cards of this kernel.

anywidget sends a widget's script with every widget, and the card's script is 170 kB. So a card has
only a few lines, which load the script from this widget (``js/src/entries/card-loader.ts``). A
card is then two small messages, and a page evaluates the script once. ``card.py`` uses it.
"""

import threading
from functools import cache
from pathlib import Path
from typing import Any, Final

import ipywidgets
import traitlets

_STATIC: Final = Path(__file__).parent / "static"


class FrontEndNotBuilt(RuntimeError):
    """The widget's script is missing, because the source tree was never built."""

    for_operator = True


class CardScript(ipywidgets.Widget):  # type: ignore[misc]  # ipywidgets has no types
    """Holds the script; never displayed."""

    code = traitlets.Unicode(help="An ES module.").tag(sync=True)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Ignore changes from a page: every page of this kernel runs this script."""


class Shared:
    """The script and layout that all cards of this process share, created with the first card."""

    def __init__(self) -> None:
        self.loader = _built("card-loader.js")
        self._lock = threading.Lock()
        self._script: CardScript | None = None
        self._layout: ipywidgets.Layout | None = None

    def script(self) -> CardScript:
        """Return the script; create it again if somebody has closed all widgets."""
        with self._lock:
            if self._script is None or self._script.comm is None:
                self._script = CardScript(code=_built("card.js"))
            return self._script

    def layout(self) -> ipywidgets.Layout:
        """Return the layout, which is also a widget; create it again if it was closed."""
        with self._lock:
            if self._layout is None or self._layout.comm is None:
                self._layout = ipywidgets.Layout()
            return self._layout


@cache
def shared() -> Shared:
    """Return the script and layout that all cards of this process share.

    Raises:
        FrontEndNotBuilt: The script is missing; the message says how to build it.
    """
    return Shared()


def _built(name: str) -> str:
    try:
        return (_STATIC / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FrontEndNotBuilt(
            "the front end of crewai-hitl-nb is not built: run `make build` in its source tree, "
            "or install a wheel"
        ) from None
