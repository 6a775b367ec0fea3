"""A server is in use while a process waits for a person, for as long as is configured."""

from datetime import timedelta
from typing import Any

import pytest

from crewai_hitl_nb.broker.broker import utc_now
from crewai_hitl_nb.server.host import activity
from tests.server.door import Door, until

SOURCE = {"id": "a-kernel"}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at once, not once a minute."""
    monkeypatch.setattr(activity, "LOOK_SECONDS", 0.01)


def noted(door: Door) -> object:
    return door.app.web_app.settings.get(activity.SETTING)


@pytest.mark.usefixtures("quick")
async def test_a_question_that_a_process_waits_for_is_use(door: Door) -> None:
    await door.restart()
    assert noted(door) is None

    async def look() -> object:
        return noted(door)

    await door.ask(source=SOURCE)
    seen = await until(look, lambda seen: seen is not None)
    assert door.app.web_app.last_activity() >= seen


@pytest.mark.parametrize(
    ("fields", "hours"),
    [
        pytest.param({}, 24.0, id="nobody waits"),
        pytest.param({"source": SOURCE}, 0.0, id="turned off"),
        pytest.param(
            {"source": SOURCE, "timestamp": (utc_now() - timedelta(hours=25)).isoformat()},
            24.0,
            id="too long ago",
        ),
    ],
)
async def test_other_questions_are_not(door: Door, fields: dict[str, Any], hours: float) -> None:
    await door.ask(**fields)
    settings: dict[str, object] = {}
    broker = door.app.web_app.settings["crewai_hitl_services"].broker
    activity.note(settings, broker, hours=hours, now=utc_now())
    assert settings == {}
