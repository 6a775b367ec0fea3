"""The screen of a notebook: shows a card under the cell that asks.

It uses the notebook and the widget; ``asking.py`` uses it. The card is sent as one MIME bundle
while the question is being published. From then on it lives in the browser and talks to the
server, not to this process, which is blocked. Only a browser that cannot reach the server uses
the kernel (``widget/relay.py``).
"""

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.kernel.notebook import Cell, Notebook
from crewai_hitl_nb.protocol.events import ClosingEvent, HumanInputRequired
from crewai_hitl_nb.widget.bundle import Bundle, card_bundle, with_outcome


class CardScreen:
    """Shows cards in one notebook.

    Args:
        notebook: The notebook to show them in.
        endpoint: The server that has the questions.
    """

    def __init__(self, notebook: Notebook, endpoint: Endpoint) -> None:
        self._notebook = notebook
        self._endpoint = endpoint
        self._shown: dict[str, tuple[Bundle, Cell]] = {}

    def show(self, request: HumanInputRequired, cell: Cell | None) -> None:
        """Display the card under the cell."""
        under, bundle = cell or self._notebook.cell(), card_bundle(request, self._endpoint)
        self._shown[request.request_id] = (bundle, under)
        self._notebook.display(bundle, under, request.request_id)

    def closed(self, request: HumanInputRequired, closing: ClosingEvent | None) -> None:
        """Add the outcome to the card's output, so that the saved notebook contains it."""
        bundle, cell = self._shown.pop(request.request_id, (None, None))
        if bundle is not None and cell is not None and closing is not None:
            data, metadata = bundle
            ended = with_outcome(data, request, closing), metadata
            self._notebook.display(ended, cell, request.request_id, again=True)
