"""Hosts where the browser cannot reach the server: the card goes through its kernel.

A JupyterLab without our extension, in a page whose every way to our server is cut, stands
for VS Code and Colab: what is left is the anywidget and its comm, as in those.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.comms import HEARD_WHILE_A_CELL_AWAITS
from tests.e2e.conftest import EXPOSED
from tests.e2e.crews import CREW
from tests.e2e.lab import CARD_MS, Lab, shut_down_kernels, silence_the_news, write_notebook
from tests.jupyter_process import JupyterProcess, jupyter_process

OURS = "**/crewai-hitl/**"


@pytest.fixture(scope="module")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A JupyterLab in which our lab extension is switched off."""
    scratch = tmp_path_factory.mktemp("bare")
    config = scratch / "jupyter_config_dir"
    silence_the_news(config)
    switched_off = {"disabledExtensions": {"crewai-hitl-nb": True}}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(switched_off))
    with jupyter_process(scratch, app="jupyterlab", options=EXPOSED) as server:
        yield server


@pytest.fixture
def cut_off(browser: Browser, bare_server: JupyterProcess) -> Iterator[Page]:
    """A page that cannot reach our endpoints."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    page = context.new_page()
    page.route(OURS, lambda route: route.abort())
    page.route_web_socket(OURS, _refuse)
    yield page
    context.close()
    shut_down_kernels(bare_server)


def _refuse(socket: WebSocketRoute) -> None:
    socket.close()


def _opened(page: Page, server: JupyterProcess, name: str, cell: str) -> Lab:
    write_notebook(Path(server.root) / name, ["note = print", CREW, cell])
    lab = Lab(page, server)
    lab.open(name)
    lab.run_all()
    return lab


@HEARD_WHILE_A_CELL_AWAITS
def test_an_awaiting_cell_is_answered_through_its_kernel(
    cut_off: Page, bare_server: JupyterProcess
) -> None:
    lab = _opened(cut_off, bare_server, "await.ipynb", "print(await make_crew().akickoff())")
    card = lab.await_card("pending")
    expect(card.get_by_test_id("hitl-connection")).to_have_attribute("data-transport", "comm")
    card.get_by_test_id("hitl-feedback").fill("More about green tea")
    card.get_by_test_id("hitl-send").click()

    lab.await_card("answered")
    second = lab.await_card("pending")
    expect(second.get_by_test_id("hitl-context")).to_contain_text("More about green tea")


def test_a_run_in_the_background_is_answered_through_its_kernel(
    cut_off: Page, bare_server: JupyterProcess
) -> None:
    lab = _opened(cut_off, bare_server, "start.ipynb", "run = hitl.start(make_crew())")
    card = lab.await_card("pending")
    card.get_by_test_id("hitl-accept").click()

    lab.await_card("answered")


def test_a_blocked_cell_says_what_to_do(cut_off: Page, bare_server: JupyterProcess) -> None:
    lab = _opened(cut_off, bare_server, "blocked.ipynb", "make_crew().kickoff()")
    card = lab.await_card("sending")

    expect(card).to_contain_text("hitl.start", timeout=CARD_MS)
    lab.interrupt()


LONG = """
from crewai_hitl_nb.widget import CardWidget
event = {"type": "human_input_required", "event_id": "long", "request_id": "long",
         "timestamp": "2026-01-01T00:00:00Z", "prompt": "Good?",
         "context": "Some *words*.\\n\\n" * 400}
CardWidget(request={"request_id": "long", "event": event})
"""


def test_a_long_text_is_formatted_by_the_script_that_the_kernel_sent(
    cut_off: Page, bare_server: JupyterProcess
) -> None:
    """There is no other: a page in VS Code or Colab has no file of ours to fetch."""
    workers: list[str] = []
    cut_off.on("worker", lambda worker: workers.append(worker.url))
    write_notebook(Path(bare_server.root) / "long.ipynb", [LONG])
    lab = Lab(cut_off, bare_server)
    lab.open("long.ipynb")
    lab.run_all()
    context = cut_off.locator('[data-request-id="long"] [data-testid=hitl-context]')
    expect(context.locator("em")).to_have_count(400, timeout=CARD_MS)
    assert [url for url in workers if url.startswith("blob:")]


FILE = """\
import pathlib
import crewai_hitl_nb as hitl
pathlib.Path("report.csv").write_bytes(b"a,b")
answer = await hitl.ask_async("The invoice?", schema=hitl.File, context=pathlib.Path("report.csv"))
print("got", answer.name, answer.read())
"""


@HEARD_WHILE_A_CELL_AWAITS
def test_a_card_that_goes_through_its_kernel_says_that_files_are_sent_from_the_inbox(
    cut_off: Page, bare_server: JupyterProcess
) -> None:
    write_notebook(Path(bare_server.root) / "files.ipynb", [FILE])
    lab = Lab(cut_off, bare_server)
    lab.open("files.ipynb")
    lab.run_all()
    card = lab.await_card("pending")
    expect(card.get_by_test_id("hitl-connection")).to_have_attribute(
        "data-transport", "comm", timeout=CARD_MS
    )
    note = "This page cannot send or save files. Answer from the inbox page."
    expect(card.get_by_test_id("hitl-form")).to_contain_text(note, timeout=CARD_MS)
    expect(card.get_by_test_id("hitl-context")).to_contain_text("report.csv")
    expect(card.get_by_test_id("hitl-context")).to_contain_text(note)
    expect(card.get_by_test_id("hitl-choose-file")).to_have_count(0)
