"""The examples of docs/flows.md and docs/pause-a-flow.md do what the pages say."""

from collections.abc import Iterator

import pytest

from crewai_hitl_nb.client import Client
from tests.jupyter_process import REPOSITORY
from tests.kernel.conftest import next_question
from tests.kernel.running_kernel import RunningKernel
from tests.test_docs import code_blocks


def examples(page: str) -> list[str]:
    return code_blocks(REPOSITORY / "docs" / page, "python")


@pytest.fixture
def kernel(kernel: RunningKernel) -> Iterator[RunningKernel]:
    """The shared kernel."""
    yield kernel
    kernel.run("hitl.disable()")


def test_the_example_of_a_flow_runs(kernel: RunningKernel, client: Client) -> None:
    (example,) = examples("flows.md")
    cell = kernel.begin(example)
    review = next_question(client)
    client.answer(review.request_id, "Well done", options=["publish"])
    where = next_question(client)
    client.answer(where.request_id, options=["blog"])
    cell.finish()

    (result,) = (o["data"] for o in cell.outputs if o["output_type"] == "execute_result")
    assert result["text/plain"] == repr("blog: # Tea\n\nTwo kinds matter. (Well done)")
    assert review.assignee == "ada"
    assert review.expires_at is not None
    assert where.response.options == ("blog", "newsletter")


def test_the_examples_of_a_durable_pause_run(kernel: RunningKernel, client: Client) -> None:
    pausing, resuming = examples("pause-a-flow.md")
    paused = kernel.run(pausing)
    (question,) = client.pending()
    assert question.request_id in paused.text
    client.answer(question.request_id, options=["sign"])

    assert "finished signed: We deliver tea. None" in kernel.run(resuming).text
