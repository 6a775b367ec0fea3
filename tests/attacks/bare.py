"""Taking a defence away: in this process, for one test, and nowhere else.

A test that bears ``EITHER`` runs with ``bare`` false and true. Where it is true, the test takes
the defence in question away and expects that the same attack succeeds.
"""

from typing import Any

import pytest

EITHER = pytest.mark.parametrize("bare", [False, True], ids=["defended", "bare"])


async def lets_pass(*args: Any, **kwargs: Any) -> None:
    """Stand in for a check that would raise."""


def without(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, instead: Any) -> None:
    """Replace a defence; it must be there, so that a test does take something away."""
    monkeypatch.setattr(owner, name, instead, raising=True)
