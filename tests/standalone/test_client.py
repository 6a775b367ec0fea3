"""The Python client against a standalone server, where ids are whatever publishers chose."""

import pytest

from crewai_hitl_nb import Client
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
