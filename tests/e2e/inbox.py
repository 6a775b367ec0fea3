"""The inbox page of a real Jupyter server in a real browser, and questions to fill it with.

Questions are published over HTTP, so no kernel and no crew is needed. Above it stand the tests
of the page and of the panel; it knows the page only by its test ids.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

import httpx
from playwright.sync_api import Browser, Locator, Page, expect

from tests.jupyter_process import JupyterProcess

CARD_MS = 30_000


class Desk:
    """The server's log, as a crew and another person use it."""

    def __init__(self, server: JupyterProcess) -> None:
        self.server = server
        self._http = httpx.Client(base_url=server.prefix, headers=server.headers, timeout=30)

    def ask(self, request_id: str, **fields: Any) -> str:
        """Publish a question and return its request id."""
        self.ask_all([{"request_id": request_id, **fields}])
        return request_id

    def ask_all(self, questions: list[dict[str, Any]]) -> None:
        """Publish questions together."""
        events = [
            {"type": "human_input_required", "prompt": f"Good, {one['request_id']}?", **one}
            for one in questions
        ]
        self._http.post("events", json=events).raise_for_status()

    def answer(self, request_id: str, **body: Any) -> None:
        """Answer by the API."""
        self._post(f"requests/{quote(request_id, safe='')}/answer", body)

    def claim(self, request_id: str) -> None:
        """Say that somebody is on it."""
        self._post(f"requests/{quote(request_id, safe='')}/claim", {"via": "cli"})

    def cancel(self, request_id: str, **body: Any) -> None:
        """Say that nobody waits any more."""
        self._post(f"requests/{quote(request_id, safe='')}/cancel", body)

    def request(self, request_id: str) -> dict[str, Any]:
        """Return a request as the server lists it."""
        found: dict[str, Any] = (
            self._http.get(f"requests/{quote(request_id, safe='')}").raise_for_status().json()
        )
        return found

    def pending(self) -> list[str]:
        """Return the ids of what waits."""
        found, cursor = [], ""
        while cursor is not None:  # large ones come a few on a page
            params = {"status": "pending", "limit": "1000", "cursor": cursor}
            page = self._http.get("requests", params=params).raise_for_status().json()
            found += [str(one["request_id"]) for one in page["requests"]]
            cursor = page["next"]
        return found

    def clear(self) -> None:
        """Leave nothing pending; what a page that was left has answered meanwhile is not."""
        for request_id in self.pending():
            reply = self._http.post(f"requests/{quote(request_id, safe='')}/cancel", json={})
            if reply.status_code not in (HTTPStatus.CONFLICT, HTTPStatus.GONE):
                reply.raise_for_status()

    def close(self) -> None:
        """End the connection."""
        self._http.close()

    def _post(self, path: str, body: dict[str, Any]) -> None:
        self._http.post(path, json=body).raise_for_status()


class InboxPage:
    """One browser page with the inbox."""

    def __init__(self, page: Page, server: JupyterProcess) -> None:
        self.page = page
        self.server = server

    def open(self, address: str = "") -> "InboxPage":
        """Open the page; `address` is what comes after its path."""
        query, hash_, fragment = address.partition("#")
        separator = "&" if query else "?"
        token = f"{query}{separator}token={self.server.token}"
        self.page.goto(f"{self.server.prefix}{token}{hash_}{fragment}")
        expect(self.hook("hitl-connection")).to_have_attribute(
            "data-state", "live", timeout=CARD_MS
        )
        return self

    def hold_decisions(self, milliseconds: int) -> None:
        """Set how long an approval can be taken back; a minute outlasts any busy machine."""
        self.page.evaluate(f"localStorage.setItem('crewai-hitl/undo-ms', '{milliseconds}')")

    def hook(self, test_id: str) -> Locator:
        """Return what has a test id."""
        return self.page.get_by_test_id(test_id)

    def card(self, request_id: str) -> Locator:
        """Return the card of a request."""
        return self.page.locator(f"[data-testid='hitl-card'][data-request-id='{request_id}']")

    def item(self, request_id: str) -> Locator:
        """Return what a list holds for a request: its card, its box, its ways."""
        return self.page.locator(f"[data-testid='hitl-item'][data-request-id='{request_id}']")

    def row(self, request_id: str) -> Locator:
        """Return a line of a wide page's list."""
        return self.page.locator(f"[data-testid='hitl-row'][data-request-id='{request_id}']")

    def entry(self, request_id: str) -> Locator:
        """Return a line of the history."""
        return self.page.locator(f"[data-testid='hitl-entry'][data-request-id='{request_id}']")

    def cards(self) -> list[str]:
        """Return the ids of the cards on screen, from top to bottom."""
        cards = self.hook("hitl-card").all()
        return [str(card.get_attribute("data-request-id")) for card in cards]

    def focused(self) -> str | None:
        """Return the request whose card has the focus."""
        focused: str | None = self.page.evaluate(
            "document.activeElement.closest('[data-request-id]')?.dataset.requestId ?? null"
        )
        return focused


@contextmanager
def inbox_page(browser: Browser, server: JupyterProcess, **options: Any) -> Iterator[InboxPage]:
    """Open a page in a context of its own, without loading anything yet.

    It is narrower than the page that shows one card at a time (``test_inbox_wide.py``).
    """
    context = browser.new_context(**{"viewport": {"width": 860, "height": 900}, **options})
    try:
        yield InboxPage(context.new_page(), server)
    finally:
        context.close()


class OpenInbox(Protocol):
    """Opens the inbox page; the options are those of a browser context."""

    def __call__(self, address: str = "", **options: Any) -> InboxPage: ...
