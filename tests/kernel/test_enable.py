"""Switching the bridge on and off, in a kernel."""

from collections.abc import Iterator

import pytest

from crewai_hitl_nb.client import Client
from tests.kernel.conftest import next_question
from tests.kernel.crews import AKICKOFF, CREW, EVERY_KICKOFF, KICKOFF
from tests.kernel.running_kernel import RunningKernel

OWN_PROVIDER = """\
from crewai.core.providers.human_input import SyncHumanInputProvider, get_provider, set_provider

class Own(SyncHumanInputProvider):
    asked = 0
    @classmethod
    def _prompt_input(cls, crew):
        cls.asked += 1
        return ""
    @classmethod
    async def _prompt_input_async(cls, crew):
        return cls._prompt_input(crew)
"""


def test_the_magic_turns_it_on_for_all_later_cells(kernel: RunningKernel, client: Client) -> None:
    kernel.run("hitl.disable()")
    kernel.run("%load_ext crewai_hitl_nb")
    for kickoff in (KICKOFF, AKICKOFF):
        cell = kernel.begin(kickoff)
        client.answer(next_question(client).request_id)
        assert cell.finish().error is None
    kernel.run("%unload_ext crewai_hitl_nb")


def test_enabling_twice_asks_once(kernel: RunningKernel, client: Client) -> None:
    kernel.run("hitl.enable(); hitl.enable()")
    cell = kernel.begin(KICKOFF)
    client.answer(next_question(client).request_id)

    assert cell.finish().error is None
    assert len(cell.cards()) == 1


def test_disabling_puts_everything_back(kernel: RunningKernel) -> None:
    restored = kernel.run(
        "from crewai.hooks import InterceptionPoint, get_hooks\n"
        "from crewai.core.providers.human_input import get_provider\n"
        "import threading\n"
        "hitl.disable()\n"
        "print(Crew.kickoff.__module__, Crew.akickoff.__module__, Crew.train.__module__)\n"
        "print(Task.copy.__module__, hasattr(Task.copy, '__wrapped__'))\n"
        "print(get_hooks(InterceptionPoint.PRE_STEP), type(get_provider()).__name__)\n"
        # The relay stays: cards of cells that ran before may still be on a page.
        "names = {t.name for t in threading.enumerate()} - {'crewai-hitl-relay'}\n"
        "print([name for name in names if 'hitl' in name])\n"
        "after_cell = get_ipython().events.callbacks['post_run_cell']\n"
        "print([c for c in after_cell if 'hitl' in c.__module__])"
    )

    assert restored.text.splitlines() == [
        "crewai.crew crewai.crew crewai.crew",
        "crewai.task False",
        "[] SyncHumanInputProvider",
        "[]",
        "[]",
    ]


def test_a_provider_that_the_user_set_is_kept(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.run(f"{OWN_PROVIDER}\nset_provider(Own())\n{AKICKOFF}\nprint(Own.asked)")

    assert cell.text.endswith("1\n")
    assert cell.cards() == []
    assert client.pending() == []


def test_a_crew_still_asks_after_somebody_cleared_all_hooks(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run("from crewai.hooks import clear_all_hooks; clear_all_hooks()")
    cell = kernel.begin(AKICKOFF)
    client.answer(next_question(client).request_id)

    assert cell.finish().error is None
    assert len(cell.cards()) == 1


def test_a_crew_that_never_asks_is_left_alone(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.run(
        "crew = make_crew(); crew.tasks[0].human_input = False; print(crew.kickoff())"
    )

    assert "# A note on tea" in cell.text
    assert cell.cards() == []


def test_an_error_of_the_crew_arrives_in_the_cell_as_it_was(kernel: RunningKernel) -> None:
    cell = kernel.begin(
        "crew = make_crew(); crew.tasks[0].human_input = False\n"
        "def refuse(inputs): raise LookupError('no such input')\n"
        "crew.before_kickoff_callbacks.append(refuse)\n"
        "crew.kickoff()"
    ).finish()

    assert cell.error == ("LookupError", "no such input")


def test_a_refused_token_ends_the_question_with_a_clear_error(kernel: RunningKernel) -> None:
    kernel.run(
        f"hitl.disable()\n{CREW}\n"
        "import os\n"
        "hitl.enable(url=os.environ['CREWAI_HITL_KERNEL_URL'], token='not the token')"
    )
    cell = kernel.begin(KICKOFF).finish()
    kernel.run("hitl.disable()")

    assert cell.error is not None
    assert cell.error[0] == "NotAnswered"
    assert "token" in cell.error[1]


@pytest.fixture
def lonely_kernel(kernel: RunningKernel) -> Iterator[RunningKernel]:
    """The shared kernel, for a while without any server that it could find."""
    kernel.run(
        f"hitl.disable()\n{CREW}\n"
        "import os, tempfile\n"
        "kept = dict(os.environ)\n"
        "del os.environ['CREWAI_HITL_KERNEL_URL']\n"
        "os.environ['JUPYTER_RUNTIME_DIR'] = tempfile.mkdtemp()\n"
        "hitl.enable()"
    )
    yield kernel
    kernel.run("hitl.disable(); os.environ.update(kept)")


@pytest.mark.parametrize("kickoff", [*EVERY_KICKOFF, "hitl.start(make_crew())"])
def test_a_kernel_without_any_server_says_what_to_do_and_approves_nothing(
    lonely_kernel: RunningKernel, kickoff: str
) -> None:
    cell = lonely_kernel.begin(kickoff).finish()

    assert cell.error is not None
    assert cell.error[0] == "NotAnswered"
    assert "jupyter server extension list" in cell.error[1]
    assert "# A note on tea" not in cell.text


def test_a_server_that_comes_later_is_found_by_the_next_question(
    lonely_kernel: RunningKernel, client: Client
) -> None:
    lonely_kernel.begin(KICKOFF).finish()
    lonely_kernel.run("os.environ.update(kept)")

    cell = lonely_kernel.begin(KICKOFF)
    client.answer(next_question(client).request_id)

    assert cell.finish().error is None
