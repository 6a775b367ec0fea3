"""docs/api.md keeps its word: each example runs and prints what stands below it."""

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, sync_playwright

from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.e2e.chromium import FLAGS, find_chromium
from tests.jupyter_process import REPOSITORY
from tests.standalone.describe.conftest import KEY

PAGE = REPOSITORY / "docs" / "api.md"
QUESTION = {
    "type": "human_input_required",
    "event_id": "volume-1",
    "execution_id": "run-1",
    "prompt": "Which volume?",
    "context": "# Traffic report",
}
PATIENCE_SECONDS = 40.0


@dataclass
class Example:
    """A block of the page, and the block below it: what it prints."""

    language: str
    code: str
    prints: str

    def at(self, server: HumanInputServer) -> str:
        here = self.code.replace("localhost:8000", f"127.0.0.1:{server.port}")
        return here.replace("your-api-key", KEY)

    def seen_in(self, printed: str) -> bool:
        """Say whether each expected line came, in this order."""
        lines = (re.escape(line).replace("…", ".*") for line in self.prints.splitlines())
        return re.search(r"\n(?:.*\n)*?".join(lines), printed) is not None


EXAMPLES = [
    Example(*found)
    for found in re.findall(
        r"^```(sh|python|js)\n(.*?)^```\n```text\n(.*?)^```", PAGE.read_text(), re.M | re.S
    )
]


def of(*languages: str) -> pytest.MarkDecorator:
    chosen = [example for example in EXAMPLES if example.language in languages]
    ids = [f"{example.language}-{place}" for place, example in enumerate(chosen, 1)]
    return pytest.mark.parametrize("example", chosen, ids=ids)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HumanInputServer]:
    """Return a server of its own for each example, with the page's question."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    with HumanInputServer(port=0, api_key=KEY) as running:
        headers = {"Authorization": f"Bearer {KEY}"}
        httpx.post(f"{running.url}events", json=QUESTION, headers=headers).raise_for_status()
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@contextmanager
def running(command: list[str]) -> Iterator[Callable[[float], str | None]]:
    """Run a program; yields what gives its next line, or None when it has ended."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={k: v for k, v in os.environ.items() if "proxy" not in k.lower()},
    )
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        yield lambda seconds: lines.get(timeout=seconds)
    finally:
        process.kill()
        process.wait()


def test_the_page_has_no_example_that_nothing_runs() -> None:
    blocks = re.findall(r"^```(\w+)\n", PAGE.read_text(), re.M)
    assert len(blocks) == 2 * len(EXAMPLES) > 0
    assert {example.language for example in EXAMPLES} == {"sh", "python", "js"}


@of("sh", "python")
def test_an_example_prints_what_the_page_says(example: Example, server: HumanInputServer) -> None:
    shell = example.language == "sh"
    command = ["bash", "-ec"] if shell else [sys.executable, "-u", "-c"]
    printed = ""
    end = monotonic() + PATIENCE_SECONDS
    with running([*command, example.at(server)]) as next_line:
        while not example.seen_in(printed):
            line = next_line(end - monotonic())
            assert line is not None, printed
            printed += line


@pytest.mark.browser
@of("js")
def test_an_example_in_a_page_prints_what_the_page_says(
    example: Example, server: HumanInputServer, browser: Browser
) -> None:
    printed: list[str] = []
    page = browser.new_page(bypass_csp=True)  # whose policy lets only its own scripts run
    page.goto(f"{server.url}?token={KEY}")

    def complete(message: ConsoleMessage) -> bool:
        printed.append(message.text)
        return example.seen_in("\n".join(printed))

    with page.expect_console_message(complete, timeout=1000 * PATIENCE_SECONDS):
        page.add_script_tag(content=example.at(server), type="module")
    page.close()
