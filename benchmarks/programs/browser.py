"""The screen: how large the scripts are, and how long a person waits for a card.

Chromium opens the inbox page of the product's server. A time begins with the navigation, or with
the call that publishes the question, and ends after the frame that shows the card has been painted;
the browser's clock is this machine's. Every question must be in the list once.
"""

import gzip
import statistics
import time
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

import crewai_hitl_nb
from benchmarks.processes import BenchError
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Goal, Row, Samples
from benchmarks.targets.product import Product
from tests.e2e.chromium import FLAGS, find_chromium
from tests.jupyter_process import JupyterProcess

_MANY = 500
_NEWS = range(1, 11)
_CASES = ("1 card", f"{_MANY} cards")
_LIMIT_MS = 60_000
_PACKAGE = Path(crewai_hitl_nb.__file__).parent
_PAGE = "server/page/static"
_SCRIPTS = {
    "card": ["widget/static/card.js"],
    "inbox": [f"{_PAGE}/inbox.js", f"{_PAGE}/inbox-chunk.js"],  # what it begins with
}
_ITEM = "[data-testid='hitl-row']"
_WATCH = """
window.painted = {};
const afterPaint = (done) => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = done;
  channel.port2.postMessage(null);
});
const seen = new Set();
const look = () => {
  const shown = [...document.querySelectorAll("[data-testid='hitl-card']")]
    .map((card) => card.dataset.requestId);
  shown.push(document.querySelector("[data-testid='hitl-count']")?.textContent);
  const fresh = shown.filter((name) => name && !seen.has(name));
  for (const name of fresh) seen.add(name);
  if (fresh.length) afterPaint(() => { for (const name of fresh) painted[name] = Date.now(); });
};
new MutationObserver(look).observe(document, {
  subtree: true, childList: true, characterData: true,
  attributes: true, attributeFilter: ["data-request-id"],
});
"""
"""When what was painted first: cards by their requests, and how many the page says are pending."""


class Desk:
    """Publishes questions, and ends them."""

    def __init__(self, server: JupyterProcess) -> None:
        self._http = httpx.Client(base_url=server.prefix, headers=server.headers, timeout=60)

    def ask(self, *request_ids: str) -> float:
        """Publish questions; return when, in milliseconds since 1970."""
        events = [
            {
                "type": "human_input_required",
                "request_id": one,
                "execution_id": f"run-{one}",
                "prompt": f"Is this draft good, {one}?",
                "context": "# A note on tea\n\nTea is a **drink**.\n\n- green\n- black\n",
                "source": {"crew_name": "Notes", "task_name": "note", "agent_role": "Writer"},
                "response": {"decisions": ["approve", "respond"]},
            }
            for one in request_ids
        ]
        began = time.time() * 1000
        self._http.post("events", json=events).raise_for_status()
        return began

    def clear(self, *request_ids: str) -> None:
        """Withdraw questions."""
        for one in request_ids:
            self._http.post(f"requests/{one}/cancel", json={}).raise_for_status()

    def stop(self) -> None:
        """Close the connection."""
        self._http.close()


def run(bench: Bench) -> list[Row]:
    """Measure one page after the other, each in a context of its own."""
    chromium = find_chromium()
    if chromium is None:
        raise BenchError("there is no Chromium (Debian: apt install chromium)")
    product = bench.scope.owns(Product(bench.folder(PRODUCT)))
    desk = bench.scope.owns(Desk(product.server))
    samples = Samples()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        _visit(browser, product.server, desk, [], "warm-up", Samples())
        for number in bench.repetitions():
            few = [f"few-{number}"]
            desk.ask(*few)
            _visit(browser, product.server, desk, few, _CASES[0], samples)
            many = [f"many-{number}-{i}" for i in range(_MANY - 1)]
            desk.ask(*many)
            _visit(browser, product.server, desk, few + many, _CASES[1], samples)
            desk.clear(*few, *many)
        browser.close()
    return [_sizes(), _opening(samples), _news(samples)]


def _visit(
    browser: Browser,
    server: JupyterProcess,
    desk: Desk,
    pending: list[str],
    case: str,
    samples: Samples,
) -> None:
    """Open the page on what is pending, then let news come."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    context.add_init_script(_WATCH)
    page = context.new_page()
    began = time.time() * 1000
    page.goto(f"{server.prefix}?token={server.token}", wait_until="commit")
    page.wait_for_selector("[data-testid='hitl-connection'][data-state='live']", state="attached")
    if pending:
        samples.add(f"first of {case}", _painted_at(page, pending[0]) - began)
        samples.add(f"all of {case}", _painted_at(page, str(len(pending))) - began)
        _check(page, pending)
    waits = [_one_more(page, desk, len(pending) + more, f"{began:.0f}-{more}") for more in _NEWS]
    samples.add(f"news beside {case}", statistics.median(waits))
    context.close()
    desk.clear(*(f"{began:.0f}-{more}" for more in _NEWS))


def _one_more(page: Page, desk: Desk, count: int, request_id: str) -> float:
    asked = desk.ask(request_id)
    return _painted_at(page, str(count)) - asked


def _painted_at(page: Page, name: str) -> float:
    """Wait until it was painted; return when, in milliseconds since 1970."""
    page.wait_for_function("name => name in painted", arg=name, timeout=_LIMIT_MS)
    at: float = page.evaluate("name => painted[name]", name)
    return at


def _check(page: Page, pending: list[str]) -> None:
    """Go to the list's end, again and again, until all of it is drawn; each is there once."""
    page.wait_for_function(
        "([item, count]) => { [...document.querySelectorAll(item)].at(-1)?.scrollIntoView();"
        " return document.querySelectorAll(item).length >= count; }",
        arg=[_ITEM, len(pending)],
        timeout=_LIMIT_MS,
    )
    listed = page.evaluate(
        "item => [...document.querySelectorAll(item)].map(one => one.dataset.requestId)", _ITEM
    )
    if listed != pending:
        raise BenchError(f"{len(pending)} are pending, the page lists {len(listed)} otherwise")


def _sizes() -> Row:
    sizes = {
        name: sum(len(gzip.compress((_PACKAGE / path).read_bytes(), 9)) for path in paths) / 1000
        for name, paths in _SCRIPTS.items()
    }
    goal = Goal("the card", "at most", 60, sizes["card"], "kB")
    return Row(PROGRAM.name, "scripts, gzipped", "kB", sizes, [goal])


def _opening(samples: Samples) -> Row:
    names = [f"{which} of {case}" for case in _CASES for which in ("first", "all")]
    figures = {name: samples.median(name) for name in names}
    goal = Goal(f"all of {_MANY} cards", "at most", 1000, figures[f"all of {_MANY} cards"], "ms")
    return Row(PROGRAM.name, "the page opens", "ms", figures, [goal])


def _news(samples: Samples) -> Row:
    figures = {case: samples.median(f"news beside {case}") for case in _CASES}
    goals = [
        Goal(f"beside {case}", "at most", 50, figure, "ms") for case, figure in figures.items()
    ]
    return Row(PROGRAM.name, "from publish to pixel, beside", "ms", figures, goals)


PROGRAM = Program(
    "browser", "script sizes, the first card, 500 cards, event to pixel", run, quick=False
)
