"""A server of its own process dies and comes back: the log, its life and its promises stay."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jupyter_process import JupyterProcess, jupyter_process
from tests.server.door import Address, client, ids, note, question, until
from tests.server.readers import TRANSPORTS, reading


class Place:
    """The address of a server in a process of its own."""

    def __init__(self, server: JupyterProcess) -> None:
        self.url = server.prefix
        self.token = server.token


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    with jupyter_process(tmp_path_factory.mktemp("restart")) as server:
        yield server


async def epoch(address: Address) -> str:
    """Return the life of the server's log, which opens a moment after the server listens."""
    async with client(address) as http:
        health = await until(lambda: http.get("health"), lambda reply: reply.status_code == 200)
    return str(health.json()["epoch"])


async def test_what_got_200_survives_the_death_of_the_server_and_every_transport_resumes(
    server: JupyterProcess,
) -> None:
    place = Place(server)
    life = await epoch(place)
    async with client(place) as http:
        asked = [note("before"), question("q1"), question("q2"), note("seen")]
        assert (await http.post("events", json=asked)).status_code == 200
        body = {"human_feedback": "Größer"}
        key = {"Idempotency-Key": "k1"}
        answered = await http.post("requests/q1/answer", json=body, headers=key)
    assert answered.status_code == 200
    server.kill()  # right after the 200
    server.start()
    assert await epoch(place) == life
    async with client(place) as http:
        assert (await http.get("requests/q1")).json()["completion"] == answered.json()["event"]
        assert (await http.get("requests/q2")).json()["status"] == "pending"
        again = await http.post("requests/q1/answer", json=body, headers=key)
        assert again.json() == answered.json()
        late = await http.post("requests/q1/answer", json={"human_feedback": "Kleiner"})
        assert late.status_code == 409
    for transport in TRANSPORTS:
        async with reading(transport, place, last_event_id="seen") as reader:
            assert await reader.replayed() == [answered.json()["event"]]
        assert reader.gaps == []


def put_out(server: JupyterProcess) -> int:
    """Return how many files with a key lie in the runtime folder."""
    return len(list(Path(server.env["JUPYTER_RUNTIME_DIR"]).glob("crewai-hitl-*.json")))


async def test_a_good_stop_takes_the_key_back_and_a_start_goes_on_from_there(
    server: JupyterProcess,
) -> None:
    place = Place(server)
    life, files = await epoch(place), put_out(server)
    async with client(place) as http:
        before = (await http.get("health")).json()["offset"]
    server.stop()
    assert put_out(server) == files - 1
    server.start()
    assert await epoch(place) == life
    async with client(place) as http:
        (placed,) = (await http.post("events", json=note("after"))).json()["events"]
        assert placed["offset"] == before + 1


async def test_a_second_server_on_the_same_data_keeps_a_log_of_its_own_and_says_so(
    server: JupyterProcess, tmp_path: Path
) -> None:
    second = JupyterProcess(tmp_path)
    second.env["JUPYTER_DATA_DIR"] = server.env["JUPYTER_DATA_DIR"]
    second.start()
    try:
        assert await epoch(Place(second)) != await epoch(Place(server))
        async with client(Place(second)) as http:
            assert (await http.post("events", json=note("second"))).status_code == 200
        async with client(Place(server)) as http:
            assert "second" not in ids((await http.get("poll/human-input")).json()["events"])
        said = second.log.read_text()
        assert "another server holds the log" in said
        assert "human_input-2.db" in said
    finally:
        second.stop()
