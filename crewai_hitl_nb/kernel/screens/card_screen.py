"""The screen of a notebook: a card under the cell that asks.

Below it are the notebook and the widget; above it is ``asking.py``. The card goes out as
one MIME bundle at once, in parallel with publishing; from there it lives in the browser
and talks to the server, not to this process, which is blocked; only a browser that cannot
reach the server goes through the kernel (``widget/relay.py``).
"""

from collections.abc import Mapping
from typing import Any

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.kernel.notebook import Cell, Notebook
from crewai_hitl_nb.protocol.events import ClosingEvent, HumanInputRequired
from crewai_hitl_nb.widget.bundle import card_bundle, with_its_end


class CardScreen:
    """Shows cards in one notebook.

    Args:
        notebook: Where.
        endpoint: The server that has the questions.
    """

    def __init__(self, notebook: Notebook, endpoint: Endpoint) -> None:
        self._notebook = notebook
        self._endpoint = endpoint
        self._shown: dict[str, tuple[Mapping[str, Any], Cell]] = {}

    def show(self, request: HumanInputRequired, cell: Cell | None) -> None:
        """Put the card under the cell."""
        under, bundle = cell or self._notebook.cell(), card_bundle(request, self._endpoint)
        self._shown[request.request_id] = (bundle, under)
        self._notebook.display(bundle, under, request.request_id)

    def closed(self, request: HumanInputRequired, closing: ClosingEvent | None) -> None:
        """Put the end into the card's output, so that the saved notebook has it, too."""
        bundle, cell = self._shown.pop(request.request_id, (None, None))
        if bundle is not None and cell is not None and closing is not None:
            ended = with_its_end(bundle, closing)
            self._notebook.display(ended, cell, request.request_id, again=True)
