"""The Jupyter server dies while the crew waits, and comes back: nothing is lost.

A kernel normally ends with the server that started it. One started without JPY_PARENT_PID lives
on, as a kernel behind a gateway does, and shows that the crew continues after the restart.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.crews import CREW, KICKOFF
from tests.e2e.lab import CARD_MS, Lab, silence_the_news, write_notebook
from tests.e2e.notes import Notes
from tests.jupyter_process import JupyterProcess, jupyter_process


def install_surviving_kernel(data_dir: Path) -> None:
    """Write a kernelspec whose kernels do not watch their parent."""
    folder = data_dir / "kernels" / "surviving"
    folder.mkdir(parents=True)
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {
        "argv": ["env", "-u", "JPY_PARENT_PID", *launch],
        "display_name": "surviving",
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[JupyterProcess]:
    install_surviving_kernel(tmp_path / "jupyter_data_dir")
    silence_the_news(tmp_path / "jupyter_config_dir")
    with jupyter_process(
        tmp_path, app="jupyterlab", options=("--expose-app-in-browser",)
    ) as server:
        yield server


def test_a_crew_goes_on_after_the_server_was_killed_and_restarted(
    server: JupyterProcess, browser: Browser, notes: Notes
) -> None:
    write_notebook(server.root / "restart.ipynb", [notes.cell, CREW, KICKOFF], kernel="surviving")
    lab = Lab(browser.new_page(), server)
    lab.open("restart.ipynb")
    lab.dismiss_connection_errors()
    lab.run_all()
    kernel = int(notes.await_note("kernel").detail)
    try:
        card = lab.await_card("pending")
        server.kill()
        state = card.get_by_test_id("hitl-connection")
        expect(state).not_to_have_attribute("data-state", "live", timeout=CARD_MS)
        server.start()
        expect(state).to_have_attribute("data-state", "live", timeout=CARD_MS)
        card.get_by_test_id("hitl-accept").click()
        notes.await_note("finished")
        lab.await_card("answered")
    finally:
        os.kill(kernel, signal.SIGKILL)  # nobody else owns it any more
        lab.page.close()
