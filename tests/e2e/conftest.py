"""The browser tests' real parts: JupyterLab in a process, Chromium, pages with a notebook."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.chromium import FLAGS, find_chromium
from tests.e2e.lab import Lab, shut_down_kernels, write_notebook
from tests.jupyter_process import JupyterProcess, jupyter_process

OpenLab = Callable[[str, Sequence[str]], Lab]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium with a fresh profile."""
    path = find_chromium()
    assert path, "the browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A JupyterLab server that the tests of one module share."""
    scratch = tmp_path_factory.mktemp("lab")
    with jupyter_process(scratch, app="jupyterlab", options=("--expose-app-in-browser",)) as server:
        yield server


@pytest.fixture
def open_lab(browser: Browser, lab_server: JupyterProcess) -> Iterator[OpenLab]:
    """Open a new notebook, with the given cells, in a page of its own."""
    contexts = []

    def open_notebook(name: str, cells: Sequence[str]) -> Lab:
        write_notebook(lab_server.root / name, cells)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        contexts.append(context)
        lab = Lab(context.new_page(), lab_server)
        lab.open(name)
        return lab

    yield open_notebook
    for context in contexts:
        context.close()
    shut_down_kernels(lab_server)
