"""What the host loaded at its start is out of the way of Python's full collections."""

import gc
from collections.abc import Iterator

import pytest

from crewai_hitl_nb.server.host.gc_freeze import leave_out_what_is_loaded
from tests.server.door import Door, configured

pytestmark = pytest.mark.usefixtures("not_started_yet")


@pytest.fixture
def not_started_yet() -> Iterator[None]:
    """Let this process be one in which no server started."""
    gc.unfreeze()
    leave_out_what_is_loaded.cache_clear()
    yield
    gc.unfreeze()


def test_a_collection_looks_at_what_came_after_the_start_only(door: Door) -> None:
    assert gc.get_freeze_count() > 10 * len(gc.get_objects())


@configured(freeze_at_start=False)
def test_an_operator_can_leave_the_collector_alone(door: Door) -> None:
    assert gc.get_freeze_count() == 0
