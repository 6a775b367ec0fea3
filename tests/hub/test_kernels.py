"""Kernels on servers of the hub: they find their own server, and crews ask there unconfigured."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from crewai_hitl_nb import Client
from tests.hub.hub_process import HubProcess, Place
from tests.kernel.conftest import next_question
from tests.kernel.crews import ENABLE, KICKOFF
from tests.kernel.running_kernel import RunningKernel, running_kernel
from tests.server.door import question

ASK = f"""
import crewai_hitl_nb as hitl
with hitl.Client() as client:
    print(client.publish({question()!r})[0].request_id, end="")
"""
DOCTOR = """
import subprocess, sys
command = [sys.executable, "-m", "crewai_hitl_nb.cli", "doctor"]
print(subprocess.run(command, capture_output=True, text=True).stdout)
"""


class Behind:
    """A server behind the hub, as whoever starts kernels on it sees it."""

    def __init__(self, place: Place) -> None:
        self.url = place.server_url
        self.headers = place.headers
        self.env = {"JUPYTER_RUNTIME_DIR": str(place.home / ".local/share/jupyter/runtime")}


@contextmanager
def kernel_on(place: Place) -> Iterator[RunningKernel]:
    with running_kernel(Behind(place)) as kernel:
        yield kernel


@pytest.fixture(scope="module")
def gpu(hub: HubProcess, ada: Place) -> Place:
    """A named server of Ada's, beside the default one."""
    return hub.start_server("ada", "gpu")


def knows(place: Place, request_id: str) -> bool:
    reply = httpx.get(f"{place.url}requests/{request_id}", headers=place.headers)
    return reply.status_code == httpx.codes.OK


def epoch(place: Place) -> str:
    reply = httpx.get(f"{place.url}health", headers=place.headers)
    return str(reply.raise_for_status().json()["epoch"])


def test_a_crew_asks_without_configuration_and_is_answered_through_the_proxy(ada: Place) -> None:
    with kernel_on(ada) as kernel, Client(ada.url, ada.token) as person:
        for request in person.pending():
            person.cancel(request.request_id)
        kernel.run(ENABLE)
        cell = kernel.begin(KICKOFF)
        asked = next_question(person)
        assert asked.agent_id
        assert person.answer(asked.request_id).answered_by.name == "ada"
        assert cell.finish().error is None


def test_a_named_server_has_a_log_of_its_own_and_its_kernels_find_it(
    ada: Place, gpu: Place
) -> None:
    with kernel_on(gpu) as kernel:
        request_id = kernel.run(ASK).text
        assert knows(gpu, request_id)
        assert not knows(ada, request_id)


def test_the_doctor_in_a_server_finds_all_well(gpu: Place) -> None:
    with kernel_on(gpu) as kernel:
        said = kernel.run(DOCTOR).text
    assert "/user/ada/gpu/crewai-hitl/" in said
    for what in ("reachable", "authorised", "versions", "kernel"):
        assert f"ok      {what}:" in said, said


def test_named_servers_find_their_logs_again_whichever_starts_first(hub: HubProcess) -> None:
    names = ("", "gpu")
    before = {name: epoch(hub.start_server("noor", name)) for name in names}
    for name in names:
        hub.stop_server("noor", name)
    after = {name: epoch(hub.start_server("noor", name)) for name in reversed(names)}
    assert before == after
    logs = hub.place("noor").home / "crewai-hitl"
    assert {path.name for path in logs.glob("*.db")} == {"human_input.db", "human_input.gpu.db"}
