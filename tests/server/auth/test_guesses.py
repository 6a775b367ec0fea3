"""Within Jupyter the host looks at its token; our doors hear few guesses at it, all alike."""

from typing import Any

import pytest

from tests.server.callers import kernel_key
from tests.server.door import Door, client


@pytest.fixture
def traits() -> dict[str, Any]:
    return {"failures_per_second": 0.05}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "health"), ("GET", ""), ("OPTIONS", "requests"), ("POST", "events")],
)
async def test_a_token_is_not_guessed_at_our_doors(door: Door, method: str, path: str) -> None:
    said = []
    for guess in ("one", "two", "three", "four", door.token):
        async with client(door, Authorization=f"Bearer {guess}") as http:
            said.append((await http.request(method, path)).status_code)
    assert 429 not in said[:3]
    assert said[3:] == [429, 429]
    async with client(door, Authorization=f"Bearer {kernel_key()}") as http:
        assert "version" in (await http.get("health")).json()
