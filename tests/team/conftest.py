"""Several servers on one log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.team.servers import Start, team


@pytest.fixture
def start(log_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start servers on one log."""
    with team(log_url, tmp_path) as one_more:
        yield one_more
