"""The screen of a notebook: a card under the cell that asks.

Below it are the notebook and the widget; above it is ``asking.py``. The card goes out as
one MIME bundle at once, in parallel with publishing; from there it lives in the browser
and talks to the server, not to this process, which is blocked; only a browser that cannot
reach the server goes through the kernel (``widget/relay.py``).
"""

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.kernel.notebook import Cell, Notebook
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.widget.bundle import card_bundle


class CardScreen:
    """Shows cards in one notebook.

    Args:
        notebook: Where.
        endpoint: The server that has the questions.
    """

    def __init__(self, notebook: Notebook, endpoint: Endpoint) -> None:
        self._notebook = notebook
        self._endpoint = endpoint

    def show(self, request: HumanInputRequired, cell: Cell | None) -> None:
        """Put the card under the cell."""
        self._notebook.display(card_bundle(request, self._endpoint), cell or self._notebook.cell())
