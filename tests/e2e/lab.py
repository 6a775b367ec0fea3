"""A notebook in a real JupyterLab in a real browser, as a person would use it.

Above it stand the browser tests; below it Playwright and JupyterLab's own commands, which the
server exposes with `--expose-app-in-browser`. It knows the cards only by their test ids.
"""

import json
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx
from playwright.sync_api import Locator, Page, expect

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.errors import Settled
from crewai_hitl_nb.widget.bundle import CARD_MIME
from tests.jupyter_process import JupyterProcess

LOAD_MS = 60_000
CARD_MS = 60_000

_CONNECTED = """() => {
  const session = window.jupyterapp?.shell.currentWidget?.sessionContext?.session;
  return session?.kernel?.connectionStatus === 'connected' && session.kernel.status !== 'unknown';
}"""

_IDLE = """() => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  return kernel.status === 'idle';
}"""


def write_notebook(path: Path, cells: Sequence[str], *, kernel: str = "python3") -> None:
    """Write a notebook of code cells."""
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": kernel, "display_name": kernel}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "source": source,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells, start=1)
        ],
    }
    path.write_text(json.dumps(notebook))


class Lab:
    """One browser page with one notebook open in JupyterLab."""

    def __init__(self, page: Page, server: JupyterProcess) -> None:
        self.page = page
        self.server = server

    def open(self, notebook: str) -> None:
        """Open a notebook and wait until its kernel is connected."""
        workspace = f"lab/workspaces/{uuid.uuid4().hex}/tree/{notebook}?token={self.server.token}"
        self.page.goto(self.server.url + workspace, timeout=LOAD_MS)
        self.await_kernel()

    def open_in_notebook_7(self, notebook: str) -> None:
        """Open a notebook in Jupyter Notebook, whose shell is not JupyterLab's."""
        self.show_in_notebook_7(f"notebooks/{notebook}")
        self.await_kernel()

    def show_in_notebook_7(self, page: str) -> None:
        """Show one of the pages of Jupyter Notebook."""
        self.page.goto(f"{self.server.url}{page}?token={self.server.token}", timeout=LOAD_MS)

    def reload(self) -> None:
        """Reload the page, as F5 does. A kernel that blocks says nothing to the new page."""
        self.page.reload(timeout=LOAD_MS)

    def await_kernel(self) -> None:
        """Wait for the kernel's connection; before it JupyterLab drops a run silently."""
        self.page.wait_for_function(_CONNECTED, timeout=LOAD_MS)

    def await_idle(self) -> None:
        """Wait until the kernel has nothing more to do."""
        self.page.wait_for_function(_IDLE, timeout=LOAD_MS)

    def command(self, name: str, **arguments: str) -> None:
        """Start one of JupyterLab's commands without waiting for its end."""
        call = "([name, args]) => { void window.jupyterapp.commands.execute(name, args); }"
        self.page.evaluate(call, [name, arguments])

    def dismiss_connection_errors(self) -> None:
        """Click JupyterLab's dialog about a lost server away, for good, when it is in the way."""
        dialog = self.page.locator(".jp-Dialog", has_text="Server Connection Error").first

        def dismiss(shown: Locator) -> None:
            shown.get_by_role("checkbox").check()
            shown.get_by_role("button", name="Close").click()

        self.page.add_locator_handler(dialog, dismiss, no_wait_after=True)

    def run_all(self) -> None:
        """Run all cells, as the menu does."""
        self.command("notebook:run-all-cells")

    def await_aborted_last_cell(self) -> None:
        """Wait until the queue behind a failed cell is cleared: its last cell has not run."""
        prompt = self.page.locator(".jp-Notebook-cell .jp-InputPrompt").last
        expect(prompt).to_have_text("[ ]:", timeout=CARD_MS)

    def run_last(self) -> None:
        """Select the last cell and run it."""
        self.page.locator(".jp-Notebook-cell").last.click()
        self.command("notebook:run-cell")

    def save(self) -> None:
        """Save the notebook and wait until it is saved."""
        self.page.evaluate("async () => { await jupyterapp.commands.execute('docmanager:save'); }")

    def saved_outcomes(self, notebook: str) -> list[str]:
        """Save; return the decisions of the notebook's cards, in their order."""
        self.save()
        saved = json.loads((self.server.root / notebook).read_text())
        outputs = [output for cell in saved["cells"] for output in cell["outputs"]]
        cards = [output.get("data", {}).get(CARD_MIME) for output in outputs]
        return [card["completion"]["decision"] for card in cards if card is not None]

    def interrupt(self) -> None:
        """Interrupt the kernel, as the stop button does."""
        self.command("notebook:interrupt-kernel")

    def use_theme(self, name: str) -> None:
        """Switch JupyterLab's theme and wait until it is drawn."""
        self.command("apputils:change-theme", theme=name)
        light = str("Light" in name).lower()
        self.page.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")

    def cells(self) -> Locator:
        """Return the notebook's cells."""
        return self.page.locator(".jp-Notebook-cell")

    def outputs(self) -> Locator:
        """Return the output areas of all cells."""
        return self.page.locator(".jp-Notebook .jp-OutputArea-output")

    def card(self, status: str | None = None) -> Locator:
        """Return the cards in the notebook, all or those in one status."""
        which = f"[data-status='{status}']" if status else ""
        return self.page.locator(f".jp-Notebook [data-testid='hitl-card']{which}")

    def await_card(self, status: str, *, count: int = 1) -> Locator:
        """Wait for that many cards in that status and return the last of them."""
        cards = self.card(status)
        expect(cards).to_have_count(count, timeout=CARD_MS)
        return cards.last


def silence_the_news(config_dir: Path) -> None:
    """Answer JupyterLab's question about news, which would lie over the notebook."""
    overrides = config_dir / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir(parents=True)
    notification = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    overrides.write_text(json.dumps(notification))


def leave_nothing_behind(server: JupyterProcess) -> None:
    """End every kernel and withdraw what is pending: the next test shares the server."""
    shut_down_kernels(server)
    with Client(server.prefix, server.token) as client:
        for request in client.pending():
            with suppress(Settled):  # its kernel said so itself
                client.cancel(request.request_id)


def shut_down_kernels(server: JupyterProcess) -> None:
    """End every kernel of the server: one that imported crewAI weighs hundreds of megabytes."""
    with httpx.Client(base_url=server.url, headers=server.headers, timeout=30) as client:
        for kernel in client.get("api/kernels").raise_for_status().json():
            client.delete(f"api/kernels/{kernel['id']}").raise_for_status()
