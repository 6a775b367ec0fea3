"""The notebooks run from top to bottom, and the documentation site shows them as they ran.

nbval cannot click. A colleague answers through the public API instead: what they say is in
the notebook's metadata (`notebooks/colleague.py`). The site is built of these very runs, without
a warning; it leads nowhere wrong and needs no network. One file for both, so that each notebook
runs once, also when files are spread over processes. With `SITE` set the site is left in that
folder: `make docs`.
"""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Request, expect

import crewai_hitl_nb as hitl
from crewai_hitl_nb.cli.main import commands
from tests.e2e.axe import violations
from tests.e2e.chromium import headless_chromium
from tests.jupyter_process import REPOSITORY
from tests.notebooks.conftest import NOTEBOOKS, Runs
from tests.notebooks.site import Site

BUILD = REPOSITORY / "docs" / "_site" / "build.py"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, runs: Runs) -> None:
    ran = runs.of(notebook)
    assert ran.code == 0, ran.said
    assert ran.left == []


@pytest.fixture(scope="module")
def site(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Site:
    for notebook in NOTEBOOKS:
        runs.of(notebook)
    to = tmp_path_factory.mktemp("site")
    command: list[str | Path] = [sys.executable, BUILD, "--executed", runs.executed, "--to", to]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    if os.environ.get("SITE"):
        shutil.copytree(to, REPOSITORY / os.environ["SITE"], dirs_exist_ok=True)
        shutil.copytree(
            runs.executed, REPOSITORY / os.environ["SITE"] / "executed", dirs_exist_ok=True
        )
    return Site(to / "html")


def test_links_anchors_and_images_of_every_page_exist(site: Site) -> None:
    assert len(site.pages) > 20
    assert site.broken_links() == []


def test_no_page_style_or_script_loads_anything_from_another_host(site: Site) -> None:
    assert site.foreign_loads() == []


def test_the_gallery_shows_every_notebook_as_it_ran(site: Site) -> None:
    gallery = site.page("gallery.html")
    for notebook in (REPOSITORY / "notebooks").glob("*.ipynb"):
        assert f"gallery/{notebook.stem}.html" in gallery.links
    quickstart = site.page("gallery/quickstart.html").text
    assert "Office · note · Writer asks" in quickstart
    assert re.search(r"\w+ answered: Shorter, please", quickstart)
    assert re.search(r"\w+ accepted", quickstart)


def test_every_public_name_and_command_is_described(site: Site) -> None:
    assert {f"crewai_hitl_nb.{name}" for name in hitl.__all__} <= site.page("python.html").anchors
    text = site.page("cli.html").text
    assert [name for name in commands.commands if f"Usage: crewai-hitl {name}" not in text] == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with headless_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    """The site, served as any web server would."""
    handler = functools.partial(QuietHandler, directory=str(site.folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        pass


@pytest.mark.browser
def test_a_browser_asks_no_other_host_and_gets_all_it_asks_for(
    site: Site, address: str, browser: Browser
) -> None:
    asked: list[str] = []
    failed: list[str] = []
    page = browser.new_page()

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.on("response", lambda reply: failed.append(reply.url) if reply.status >= 400 else None)
    page.on("pageerror", lambda error: failed.append(str(error)))
    for path in site.pages:
        page.goto(address + path.relative_to(site.folder).as_posix())
    page.close()
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert failed == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index", "python", "answering", "gallery/flows", "compared"])
def test_a_page_can_be_read_by_everybody(
    address: str, browser: Browser, name: str, scheme: Literal["light", "dark"]
) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(f"{address}{name}.html")
    assert violations(page) == []
    page.close()


@pytest.mark.browser
def test_the_search_finds_a_page_without_a_network(address: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(address + "search.html?q=webhook")
    expect(page.locator("#search-results a", has_text="Webhooks").first).to_be_visible()
    page.close()
