"""The browser tests' real parts: JupyterLab in a process, Chromium, pages with a notebook."""

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.chromium import headless_chromium
from tests.e2e.inbox import Desk, InboxPage, OpenInbox, inbox_page
from tests.e2e.lab import Lab, leave_nothing_behind, silence_the_news, write_notebook
from tests.e2e.notes import Notes, listen
from tests.jupyter_process import REPOSITORY, JupyterProcess, jupyter_process

OpenLab = Callable[[str, Sequence[str]], Lab]

EXPOSED = ("--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True")


SEND_AT_ONCE = "try { localStorage.setItem('crewai-hitl/undo-ms', '0') } catch {}"
"""A person can take an approval back for three seconds (test_card.py); a crew's tests go on."""


class Latencies(dict[str, list[float]]):
    """Milliseconds by what they measure."""

    def add(self, what: str, milliseconds: float) -> None:
        """Keep one measurement."""
        self.setdefault(what, []).append(milliseconds)

    def lines(self) -> list[str]:
        """Return one line for each thing measured."""
        return [
            f"{what}: median {statistics.median(values):.0f} ms, "
            f"worst {max(values):.0f} ms of {len(values)}"
            for what, values in self.items()
        ]


LATENCIES = pytest.StashKey[Latencies]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LATENCIES] = Latencies()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    measured = config.stash[LATENCIES]
    if measured:
        terminalreporter.section("latencies in the browser")
        terminalreporter.write_line("\n".join(measured.lines()))
        results = REPOSITORY / "test-results"
        results.mkdir(exist_ok=True)
        (results / "latencies.json").write_text(json.dumps(measured, indent=1))


@pytest.fixture
def latencies(pytestconfig: pytest.Config) -> Latencies:
    """Where measurements are kept; the end of the run prints their medians."""
    return pytestconfig.stash[LATENCIES]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(240))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless Chromium with a fresh profile."""
    with headless_chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A JupyterLab server that the browser tests share."""
    scratch = tmp_path_factory.mktemp("lab")
    silence_the_news(scratch / "jupyter_config_dir")
    with jupyter_process(scratch, app="jupyterlab", options=EXPOSED) as server:
        yield server


@pytest.fixture
def open_lab(browser: Browser, lab_server: JupyterProcess) -> Iterator[OpenLab]:
    """Open a new notebook, with the given cells, in a page of its own."""
    contexts = []

    def open_notebook(name: str, cells: Sequence[str]) -> Lab:
        write_notebook(lab_server.root / name, cells)
        context = browser.new_context(viewport={"width": 1200, "height": 1000})
        context.add_init_script(SEND_AT_ONCE)
        contexts.append(context)
        lab = Lab(context.new_page(), lab_server)
        lab.open(name)
        return lab

    yield open_notebook
    for context in contexts:
        context.close()
    leave_nothing_behind(lab_server)


@pytest.fixture(scope="package")
def inbox_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A server whose log holds only what the tests of the inbox and the panel ask."""
    scratch = tmp_path_factory.mktemp("inbox")
    silence_the_news(scratch / "jupyter_config_dir")
    with jupyter_process(scratch, app="jupyterlab", options=EXPOSED) as server:
        yield server


@pytest.fixture
def desk(inbox_server: JupyterProcess) -> Iterator[Desk]:
    """The inbox server's log, with nothing pending before and after."""
    desk = Desk(inbox_server)
    desk.clear()
    yield desk
    desk.clear()
    desk.close()


@pytest.fixture
def open_inbox(browser: Browser, inbox_server: JupyterProcess) -> Iterator[OpenInbox]:
    """Open the inbox page, each time in a context of its own."""
    with ExitStack() as stack:

        def open_page(address: str = "", **options: Any) -> InboxPage:
            return stack.enter_context(inbox_page(browser, inbox_server, **options)).open(address)

        yield open_page


@pytest.fixture
def notes() -> Iterator[Notes]:
    """What the kernel says about itself while its crew runs."""
    with listen() as notes:
        yield notes
