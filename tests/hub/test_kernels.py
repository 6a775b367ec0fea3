"""Kernels on servers of the hub: they find their own server, and crews ask there unconfigured."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from crewai_hitl_nb import Client
from tests.hub.culled import Culled
from tests.hub.hub_process import Place
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


def knows(place: Place, request_id: str) -> bool:
    reply = httpx.get(f"{place.url}requests/{request_id}", headers=place.headers)
    return reply.status_code == httpx.codes.OK


def test_a_crew_asks_without_configuration_and_is_answered_through_the_proxy(ada: Place) -> None:
    with kernel_on(ada) as kernel, Client(ada.url, ada.token) as person:
        for request in person.pending():
            person.cancel(request.request_id)
        kernel.run(ENABLE)
        cell = kernel.begin(KICKOFF)
        asked = next_question(person)
        assert asked.agent_id
        answered_by = person.answer(asked.request_id).answered_by
        assert answered_by is not None
        assert answered_by.name == "ada"
        assert cell.finish().error is None


def test_a_named_server_has_a_log_of_its_own_and_its_kernels_find_it(culled: Culled) -> None:
    with kernel_on(culled.gpu) as kernel:
        request_id = kernel.run(ASK).text
        assert knows(culled.gpu, request_id)
        assert not knows(culled.place, request_id)


def test_the_doctor_in_a_server_finds_all_well(culled: Culled) -> None:
    with kernel_on(culled.gpu) as kernel:
        said = kernel.run(DOCTOR).text
    assert "/user/linus/gpu/crewai-hitl/" in said
    for what in ("reachable", "authorised", "versions", "kernel"):
        assert f"ok      {what}:" in said, said
