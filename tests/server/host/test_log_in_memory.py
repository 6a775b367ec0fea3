"""A Jupyter server whose log is in memory keeps less than one with a file."""

import pytest

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.server.extension import HumanInputApp
from tests.server.door import Door, configured


@pytest.mark.parametrize(
    ("traits", "events"),
    [
        ({"store_path": ":memory:"}, limits.MEMORY_EVENTS),
        ({"store_path": ":memory:", "retain_events": 200_000}, 200_000),
        ({}, limits.RETAIN_EVENTS),
    ],
    ids=["memory", "memory with a number", "file"],
)
async def test_a_log_in_memory_keeps_fewer_events_unless_a_number_was_set(
    door: Door, events: int
) -> None:
    (app,) = door.app.extension_manager.extension_apps["crewai_hitl_nb"]
    assert isinstance(app, HumanInputApp)
    assert app._host_settings().retention.events == events


@configured(store_path=":memory:")
async def test_open_questions_in_memory_have_the_smaller_bound(door: Door) -> None:
    broker = door.services.broker
    assert broker is not None
    assert broker._admission.max_pending_bytes == limits.MAX_PENDING_BYTES_IN_MEMORY
