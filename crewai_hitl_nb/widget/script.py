"""The card's script as a widget of its own: one for all cards of this kernel.

anywidget sends a widget's script with every widget, and the card's is 170 kB. So a card carries a
few lines that load it from here (``js/src/entries/card-loader.ts``); a card is then two small
messages, and a page evaluates the script once. Above it is ``card.py``.
"""

import threading
from functools import cache
from pathlib import Path
from typing import Any, Final

import ipywidgets
import traitlets

_STATIC: Final = Path(__file__).parent / "static"


class FrontEndNotBuilt(RuntimeError):
    """The widget's script is missing: this is a source tree that was never built."""

    for_operator = True


class CardScript(ipywidgets.Widget):  # type: ignore[misc]  # ipywidgets has no types
    """Holds the script; it is never displayed."""

    code = traitlets.Unicode(help="An ES module.").tag(sync=True)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Leave the script as it is: every page of this kernel runs it."""


class Shared:
    """What the cards of this process have in common, made when the first of them is."""

    def __init__(self) -> None:
        self.loader = _built("card-loader.js")
        self._lock = threading.Lock()
        self._script: CardScript | None = None
        self._layout: ipywidgets.Layout | None = None

    def script(self) -> CardScript:
        """Return the script, made anew when somebody closed all widgets."""
        with self._lock:
            if self._script is None or self._script.comm is None:
                self._script = CardScript(code=_built("card.js"))
            return self._script

    def layout(self) -> ipywidgets.Layout:
        """Return the layout, a widget too, likewise."""
        with self._lock:
            if self._layout is None or self._layout.comm is None:
                self._layout = ipywidgets.Layout()
            return self._layout


@cache
def shared() -> Shared:
    """Return what the cards of this process have in common.

    Raises:
        FrontEndNotBuilt: Saying how to build it.
    """
    return Shared()


def _built(name: str) -> str:
    try:
        return (_STATIC / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FrontEndNotBuilt(
            "the front end of crewai-hitl-nb is not built; run `make build` in its source tree, "
            "or install a wheel"
        ) from None
