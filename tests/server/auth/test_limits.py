"""Limits in a Jupyter server: set by traits, and counted for each identity of the host."""

from typing import Any

import pytest

from crewai_hitl_nb.server.auth.rate_limits import CALLER_LIMITS
from crewai_hitl_nb.server.extension import HumanInputApp
from tests.server.callers import kernel_key
from tests.server.door import Door, client, note


@pytest.fixture
def traits() -> dict[str, Any]:
    return {"publish_per_second": 0.01}


async def test_who_holds_the_servers_token_is_one_caller_however_often_they_come_anew(
    door: Door,
) -> None:
    statuses = []
    for name in ("n1", "n2"):
        async with client(door) as http:  # without a cookie: the host gives it another name
            statuses.append((await http.post("events", json=note(name))).status_code)
    assert statuses == [200, 429]


async def test_the_kernels_have_their_own_limits(door: Door) -> None:
    async with client(door) as http:
        assert (await http.post("events", json=note("n1"))).status_code == 200
    async with client(door, Authorization=f"Bearer {kernel_key()}") as http:
        assert (await http.post("events", json=note("n2"))).status_code == 200
        refused = await http.post("events", json=note("n3"))
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == str(refused.json()["retry_after"])


def test_every_limit_is_a_setting() -> None:
    assert set(CALLER_LIMITS) <= set(HumanInputApp.class_trait_names(config=True))
