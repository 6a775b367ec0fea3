"""The Python client against a standalone server, where ids are whatever publishers chose."""

import threading
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from crewai_hitl_nb import Client
from crewai_hitl_nb.protocol.errors import InvalidEvent
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.events import required
from tests.standalone.conftest import KEY


@pytest.mark.parametrize("request_id", ["a/b", "a b", "ä?#%", "a..b", "%2F"])
def test_a_request_of_any_id_is_found_and_answered(
    server: HumanInputServer, request_id: str
) -> None:
    with Client(server.url, KEY) as client:
        client.publish(required(request_id, execution_id=f"run/{request_id}"))
        assert client.request(request_id).status == "pending"
        client.answer(request_id, "Shorter")
        assert client.request(request_id).status == "answered"
        for event in client.events(execution_id=f"run/{request_id}", replay="all"):
            if getattr(event, "human_feedback", None) == "Shorter":
                break


def test_an_event_may_be_published_as_a_json_object(server: HumanInputServer) -> None:
    with Client(server.url, KEY) as client:
        (receipt,) = client.publish({"type": "human_input_required", "prompt": "Good?"})
        (request,) = client.pending()
        assert request.request_id == receipt.event_id


@pytest.mark.parametrize("wrong", [{"type": "human_input_required"}, {}, "text", 7])
def test_what_is_no_event_is_refused_with_its_field(server: HumanInputServer, wrong: Any) -> None:
    with Client(server.url, KEY) as client:
        with pytest.raises(InvalidEvent):
            client.publish(wrong)
        assert client.pending() == []


def test_closing_a_client_ends_the_iteration_of_another_thread(server: HumanInputServer) -> None:
    client = Client(server.url, KEY)
    began = threading.Event()
    seen: list[object] = []

    def iterate() -> None:
        for event in client.events(replay="all"):
            seen.append(event)
            began.set()
        seen.append("ended")

    thread = threading.Thread(target=iterate, daemon=True)
    thread.start()
    client.publish({"type": "note"})
    assert began.wait(10)
    client.close()
    thread.join(10)
    assert len(seen) == 2
    assert seen[1] == "ended"


IN_A_CELL = """
import crewai_hitl_nb as hitl
from contextlib import aclosing

client = hitl.Client(URL, KEY)
client.publish({"type": "human_input_required", "prompt": "Good?", "request_id": "r1"})
print([request.request_id for request in client.pending()])
print(next(iter(client.events(replay="all"))).prompt)

async_client = hitl.AsyncClient(URL, KEY)
await async_client.answer("r1", "Shorter")
async with aclosing(async_client.events(replay="all")) as events:
    async for event in events:
        if event.request_id == "r1" and event.offset == 2:
            print(event.human_feedback)
            break
await async_client.aclose()
client.close()
"""


def test_both_clients_work_in_a_notebook_cell(server: HumanInputServer) -> None:
    code = f"URL, KEY = {server.url!r}, {KEY!r}\n{IN_A_CELL}"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    printed = "".join(output.text for output in notebook.cells[0].outputs)
    assert printed.splitlines() == ["['r1']", "Good?", "Shorter"]
