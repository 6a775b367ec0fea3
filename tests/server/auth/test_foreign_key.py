"""A kernels' key that somebody else put in place: it opens nothing, and the server says why."""

from pathlib import Path

import pytest

from tests.server.door import Door


@pytest.fixture
def linked_key(jp_data_dir: Path) -> str:
    """Put a key that somebody else knows where the kernels' key is."""
    (jp_data_dir / "elsewhere").write_text("a-known-key")
    (jp_data_dir / "crewai-hitl").mkdir(parents=True)
    (jp_data_dir / "crewai-hitl" / "kernel_key").symlink_to(jp_data_dir / "elsewhere")
    return "a-known-key"


async def test_a_kernel_key_of_somebody_else_opens_nothing_and_is_told_of(
    linked_key: str, door: Door
) -> None:
    stranger = {"Authorization": f"Bearer {linked_key}"}
    assert (await door.http.get("requests", headers=stranger)).status_code == 403
    reply = await door.http.get("requests")
    assert reply.status_code == 503
    assert "is a link" in reply.json()["message"]
