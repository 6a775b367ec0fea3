"""What a saved notebook shows of a question where nothing of ours is installed."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from markdown_it import MarkdownIt
from nbconvert import HTMLExporter, MarkdownExporter

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.protocol.limits import SAVED_NAME_CHARS, SAVED_TEXT_CHARS
from crewai_hitl_nb.protocol.wire import stored_event
from crewai_hitl_nb.widget.saved_output import saved_output
from tests.kernel.conftest import next_question
from tests.kernel.running_kernel import Cell, RunningKernel

FIXTURES = Path(__file__).parent.parent / "fixtures"
GOLDEN = json.loads((FIXTURES / "saved_outputs.json").read_text())
PAYLOADS = json.loads((FIXTURES / "payloads.json").read_text())
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Elements(HTMLParser):
    """The elements, their attributes and the text of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def question(**fields: Any) -> HumanInputRequired:
    (first, *_) = GOLDEN
    event = stored_event({**first["required"], **fields, "offset": 1})
    assert isinstance(event, HumanInputRequired)
    return event


def notebook_of(cell: Cell) -> nbformat.NotebookNode:
    """Return a notebook as JupyterLab would save it after this cell."""
    code = nbformat.v4.new_code_cell("ask()")
    code.outputs = [
        nbformat.v4.new_output("display_data", data=data) for data in cell.cards() if data
    ]
    notebook: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=[code])
    return notebook


@pytest.mark.parametrize("golden", [pytest.param(g, id=g["name"]) for g in GOLDEN])
def test_a_question_is_saved_in_the_golden_formats(golden: dict[str, Any]) -> None:
    closing = golden["closing"]
    end = None if closing is None else stored_event({**closing, "offset": 2})
    saved = saved_output(stored_event({**golden["required"], "offset": 1}), end)  # type: ignore[arg-type]
    assert saved == golden["saved"]


@pytest.mark.parametrize("text", PAYLOADS)
def test_no_words_of_a_crew_become_anything_but_text(text: str) -> None:
    text = f"first\n\n{text}"
    source = {"agent_role": text, "crew_name": text, "task_name": text, "tool_name": text}
    answer = {**GOLDEN[3]["closing"], "human_feedback": text, "offset": 2}
    answer["answered_by"] = {"name": text, "via": "api"}
    asked = question(prompt=text, context=text, source=source)

    saved = saved_output(asked, stored_event(answer))  # type: ignore[arg-type]

    shown = Elements(saved["text/html"])
    assert shown.tags <= {"div", "p", "strong", "code", "pre", "details", "summary"}
    assert shown.attributes <= {"dir", "style"}
    page = MarkdownIt("commonmark", {"html": True}).render(f"A cell\n\n{saved['text/html']}\n")
    assert Elements(page).tags <= shown.tags
    rendered = Elements(_markdown_as_html(saved["text/markdown"]))
    assert rendered.tags <= {"div", "p", "strong", "code", "pre", "span"}
    assert rendered.attributes <= {"class"}


def _markdown_as_html(markdown: str) -> str:
    cell = nbformat.v4.new_code_cell("")
    cell.outputs = [nbformat.v4.new_output("display_data", data={"text/markdown": markdown})]
    page, _ = HTMLExporter(template_name="basic").from_notebook_node(
        nbformat.v4.new_notebook(cells=[cell])
    )
    (found,) = re.findall(
        r'(?s)<div class="[^"]*output_markdown[^"]*"[^>]*>(.*?)\n</div>\n</div>', page
    )
    return str(found)


def test_a_long_text_is_cut_and_says_so() -> None:
    saved = saved_output(
        question(prompt="q" * 30_000, context="c" * 900_000, source={"agent_role": "n" * 900}), None
    )
    assert "q" * SAVED_TEXT_CHARS + "\n… (cut here)" in saved["text/markdown"]
    assert "n" * SAVED_NAME_CHARS + "…" in saved["text/html"]
    assert max(map(len, saved.values())) < 2 * SAVED_TEXT_CHARS + 2000


def test_nbconvert_shows_question_decision_words_person_and_time(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin("said = hitl.ask('Which <table>?', context='Of two')")
    cell.wait_for_card()
    notebook = notebook_of(cell)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    waiting = Elements(page).text
    assert "Waiting for an answer" in waiting
    assert "crewai-hitl answer" in waiting

    client.answer(next_question(client).request_id, "the second one")
    cell.finish()
    page, _ = HTMLExporter().from_notebook_node(notebook_of(cell))
    text, _ = MarkdownExporter().from_notebook_node(notebook_of(cell))
    for shown in (Elements(page).text, Elements(text).text):
        assert shown.count("Which <table>?") == 1
        assert "the second one" in shown
        assert re.search(r"Answered\W+by\W+\S.* \(api\)\W+\d{4}-\d\d-\d\d \d\d:\d\d UTC", shown)
        assert "Waiting for an answer" not in shown


def test_the_metadata_of_the_widgets_view_is_kept(kernel: RunningKernel, client: Client) -> None:
    """Colab draws a widget only if its metadata names the manager for it."""
    kernel.run(
        "import sys\n"
        "from types import SimpleNamespace as Space\n"
        "sys.modules['google.colab.output'] = Space(\n"
        "    enable_custom_widget_manager=lambda: None,\n"
        "    _widgets=Space(_installed_url='https://colab/manager.js'),\n"
        ")"
    )
    cell = kernel.begin("hitl.ask('Which table?')")
    cell.wait_for_card()
    client.answer(next_question(client).request_id, "the second one")
    cell.finish()
    kernel.run("del sys.modules['google.colab.output']")

    (output,) = [o for o in cell.outputs if o["output_type"] == "display_data"]
    manager = output["metadata"][WIDGET_VIEW]["colab"]["custom_widget_manager"]
    assert manager == {"url": "https://colab/manager.js"}
