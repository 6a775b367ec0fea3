"""A notebook that is saved says how its questions ended, wherever it is read."""

import json
from pathlib import Path

from playwright.sync_api import Browser, expect

from crewai_hitl_nb.widget.bundle import CARD_MIME
from tests.e2e.conftest import EXPOSED, OpenLab
from tests.e2e.lab import CARD_MS, Lab, silence_the_news
from tests.jupyter_process import jupyter_process

ASK = """\
import crewai_hitl_nb as hitl
print("It is", hitl.ask("Which colour?"))
"""
READ_BY_ALL = {"text/html", "text/markdown", "text/plain"}

RESTART = "async () => { await jupyterapp.shell.currentWidget.sessionContext.restartKernel(); }"

WITHOUT_WIDGET = """() => {
  const { outputs } = jupyterapp.shell.currentWidget.content.widgets[0].model;
  return !('application/vnd.jupyter.widget-view+json' in outputs.get(0).data);
}"""


def saved_card(lab: Lab, notebook: str) -> dict[str, str]:
    """Save; return the data of the notebook's only card, each format as one text."""
    lab.save()
    saved = json.loads((lab.server.root / notebook).read_text())
    outputs = [output for cell in saved["cells"] for output in cell["outputs"]]
    (data,) = (o["data"] for o in outputs if CARD_MIME in o.get("data", {}))
    return {kind: "".join(text) for kind, text in data.items()}


def answer(lab: Lab, text: str) -> None:
    """Answer the open question with a text."""
    card = lab.await_card("pending")
    card.get_by_test_id("hitl-feedback").fill(text)
    card.get_by_test_id("hitl-send").click()
    lab.await_card("answered")


def test_the_answer_is_saved_for_all_readers_and_shown_once(open_lab: OpenLab) -> None:
    lab = open_lab("record.ipynb", [ASK])
    lab.run_all()
    lab.await_card("pending")
    waiting = saved_card(lab, "record.ipynb")
    assert all("Waiting for an answer" in waiting[kind] for kind in READ_BY_ALL)
    answer(lab, "green")
    lab.await_idle()
    # After a restart nobody could draw the widget's view, and some front ends would try.
    lab.page.wait_for_function(WITHOUT_WIDGET)

    saved = saved_card(lab, "record.ipynb")
    assert set(saved) == {CARD_MIME, *READ_BY_ALL}
    assert all("green" in saved[kind] and "Answered" in saved[kind] for kind in READ_BY_ALL)
    expect(lab.card()).to_have_count(1)
    expect(lab.cells()).not_to_contain_text("Waiting for an answer")

    lab.page.evaluate(RESTART)
    lab.reload()
    lab.await_kernel()
    lab.await_card("answered")
    expect(lab.card()).to_have_count(1)


def test_an_answer_after_a_reload_is_saved_by_the_page_alone(open_lab: OpenLab) -> None:
    lab = open_lab("alone.ipynb", [ASK])
    lab.run_all()
    lab.await_card("pending")
    lab.reload()
    answer(lab, "green")

    saved = saved_card(lab, "alone.ipynb")
    assert set(saved) == {CARD_MIME, *READ_BY_ALL}
    assert all("green" in saved[kind] for kind in READ_BY_ALL)


def test_a_card_that_the_kernel_sends_after_the_page_added_it_is_dropped(
    open_lab: OpenLab,
) -> None:
    lab = open_lab("late.ipynb", [ASK])
    lab.run_all()
    lab.await_card("pending").get_by_test_id("hitl-feedback").fill("gre")
    lab.page.evaluate(
        """() => {
          const { outputs } = jupyterapp.shell.currentWidget.content.widgets[0].model;
          outputs.add(outputs.get(0).toJSON());
        }"""
    )
    expect(lab.card()).to_have_count(1)
    expect(lab.card().get_by_test_id("hitl-feedback")).to_have_value("gre")
    answer(lab, "green")


def test_a_colleague_without_the_extension_reads_question_and_answer(
    open_lab: OpenLab, browser: Browser, tmp_path: Path
) -> None:
    lab = open_lab("sent.ipynb", [ASK])
    lab.run_all()
    answer(lab, "green")
    lab.await_idle()
    lab.page.wait_for_function(WITHOUT_WIDGET)
    lab.save()

    config = tmp_path / "jupyter_config_dir"
    silence_the_news(config)
    disabled = json.dumps({"disabledExtensions": {"crewai-hitl-nb": True}})
    (config / "labconfig" / "page_config.json").write_text(disabled)
    with jupyter_process(tmp_path, app="jupyterlab", options=EXPOSED) as theirs:
        copy = (lab.server.root / "sent.ipynb").read_text()
        (theirs.root / "sent.ipynb").write_text(copy)
        page = browser.new_page()
        colleague = Lab(page, theirs)
        colleague.open("sent.ipynb")
        read = page.locator(".jp-RenderedHTMLCommon", has_text="Which colour?")
        expect(read).to_contain_text("Answered", timeout=CARD_MS)
        expect(read).to_contain_text("green")
        expect(colleague.card()).to_have_count(0)
        expect(page.locator(".jp-OutputArea-output")).not_to_contain_text(["Error"])
        page.close()
