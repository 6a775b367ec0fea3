"""What a notebook shows, as the context of a question: captured outputs, HTML, Markdown."""

from io import StringIO
from typing import Any

import pytest
from IPython.display import HTML, Latex, Markdown
from IPython.utils.capture import CapturedIO

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.questions.rendering import Rendered, rendered
from crewai_hitl_nb.protocol import limits
from tests.kernel.conftest import next_question
from tests.kernel.running_kernel import RunningKernel

PIXEL = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def contents(shown: Rendered) -> dict[str, bytes]:
    return {file.name: file.read() for file in shown.files.values()}


class Report:
    """Has only HTML."""

    def _repr_html_(self) -> str:
        return "<h1>Report</h1>"


class Chart:
    """A chart of Plotly in an environment where no image can be made."""

    def _repr_mimebundle_(self, **rest: Any) -> dict[str, str]:
        return {"text/html": "<div>interactive</div>"}

    def to_image(self, **rest: Any) -> bytes:
        raise RuntimeError("there is no browser")


Chart.__module__ = "plotly.graph_objects"


def test_an_object_that_has_only_html_is_attached_as_a_file() -> None:
    shown = rendered({"report": Report(), "n": 3})

    assert shown.text == "**report**\n\n[Report.html](attachment:file-1)\n\n**n**\n\n3"
    assert contents(shown) == {"Report.html": b"<h1>Report</h1>"}
    assert contents(rendered(HTML("<script>x</script>"))) == {"HTML.html": b"<script>x</script>"}


def test_markdown_and_formulas_are_shown_as_such() -> None:
    assert rendered(Markdown("*fine*")).text == "*fine*"
    assert rendered(Latex("$x^2$")).text == "$x^2$"


def test_captured_outputs_are_shown_one_below_the_other() -> None:
    outputs = [
        {"data": {"text/html": "<p>a</p>", "text/plain": "A"}},
        {"data": {"image/gif": PIXEL, "text/plain": "<Image>"}},
    ]
    captured = CapturedIO(StringIO("\x1b[31mred\x1b[0m\n"), StringIO("careful\n"), outputs)
    shown = rendered(captured)

    assert shown.text == (
        "```\nred\n```\n\n**Printed on stderr**\n\n```\ncareful\n```\n\n"
        "```\nA\n```\n\n[output.html](attachment:file-1)\n\n![RichOutput](attachment:image-2)"
    )
    assert contents(shown) == {"output.html": b"<p>a</p>"}
    assert shown.attachments["image-2"] == {"image/gif": PIXEL}


def test_a_chart_whose_image_fails_is_attached_as_html_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from crewai_hitl_nb.kernel.questions import images

    monkeypatch.setattr(images, "find_spec", lambda name: object())
    shown = rendered(Chart())

    assert shown.text == (
        "(Chart is left out: there is no browser.)\n\n[Chart.html](attachment:file-1)"
    )
    assert contents(shown) == {"Chart.html": b"<div>interactive</div>"}


def test_more_files_than_a_question_can_have_are_named() -> None:
    shown = rendered([Report()] * (limits.MAX_FILES_PER_REQUEST + 1))

    assert len(shown.files) == limits.MAX_FILES_PER_REQUEST
    assert "(Report.html could not be attached: a question has at most 32 files.)" in shown.text


def test_what_a_cell_captured_is_shown_to_a_person(kernel: RunningKernel, client: Client) -> None:
    kernel.run("%%capture out\nprint('4 rows')\nfrom IPython.display import HTML\nHTML('<b>4</b>')")
    cell = kernel.begin("print(hitl.ask('Fine?', context=out))")
    cell.wait_for_card()
    question = next_question(client)
    (file,) = [b for bundle in question.attachments.values() for b in bundle.values()]
    content = client.download(question.request_id, file["sha256"])
    client.answer(question.request_id, "Yes")

    assert cell.finish().text == "Yes\n"
    assert "```\n4 rows\n```" in question.context
    assert content == b"<b>4</b>"
