"""The reconnect rules, row by row; ``js/test/client/resume.test.ts`` reads the same file."""

import json
from pathlib import Path
from typing import Any

import pytest

from crewai_hitl_nb.client.resume import (
    OVER,
    Backoff,
    Cursor,
    Fallback,
    IdleTimeout,
    ending_of_close,
    ending_of_silence,
    ending_of_status,
)
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import UnknownEvent
from crewai_hitl_nb.protocol.frames import Gap
from tests.events import other

RULES = json.loads(Path("tests/fixtures/resume.json").read_text("utf-8"))


def rows(table: str) -> pytest.MarkDecorator:
    """Run a test with each row of a table; a row without a name is called by its values."""
    named = [
        pytest.param(row, id=row.get("name") or json.dumps(row, ensure_ascii=False))
        for row in RULES[table]
    ]
    return pytest.mark.parametrize("row", named)


def event(row: dict[str, Any]) -> UnknownEvent:
    return UnknownEvent(
        type="weather_changed",
        event_id=row["event"],
        timestamp=other().timestamp,
        offset=row["offset"],
    )


@rows("cursor")
def test_a_reader_misses_nothing_and_sees_nothing_twice(row: dict[str, Any]) -> None:
    cursor = Cursor()
    new, lost = [], []
    for step in row["feed"]:
        if "event" in step:
            new.append(cursor.takes(event(step)))
        elif "gap" in step:
            gap = Gap(reason=step["gap"], last_event_id="e9", epoch=step["epoch"], message="")
            cursor.gap(gap)
        else:
            lost.append(cursor.lost_history(step["epoch"]) is not None)

    assert new == row["new"]
    assert lost == row.get("lost", [])
    assert cursor.parameters(row["replay"]) == row["parameters"]


@rows("statuses")
def test_a_refused_stream_ends_falls_or_is_tried_again(row: dict[str, Any]) -> None:
    ending = ending_of_status(
        row["status"], transport=row["transport"], is_own=row["own"], is_last=row["last"]
    )

    assert ending == row["ending"]


@rows("closes")
def test_a_closed_websocket_ends_falls_or_is_opened_again(row: dict[str, Any]) -> None:
    assert ending_of_close(row["code"], was_live=row["live"]) == row["ending"]


@rows("silences")
def test_a_silent_connection_falls_or_is_opened_again(row: dict[str, Any]) -> None:
    assert ending_of_silence(was_live=row["live"]) == row["ending"]


@rows("pauses")
def test_a_pause_grows_with_the_attempts_and_is_spread(row: dict[str, Any]) -> None:
    backoff = Backoff(lambda: row["random"])
    for _ in range(row["attempt"]):
        backoff.pause()

    assert backoff.pause() == pytest.approx(row.get("seconds", row.get("program")))


@rows("idle")
def test_a_dead_connection_is_noticed_and_a_slow_one_is_kept(row: dict[str, Any]) -> None:
    idle = IdleTimeout(row["expected"])
    for step in row["feed"]:
        if "heartbeat" in step:
            idle.heartbeat(step["heartbeat"])
        elif "connecting" in step:
            idle.connecting()
        else:
            idle.expired()

    assert idle.seconds == row["seconds"]


@rows("attempts")
def test_the_next_attempt_has_the_right_transport_after_the_right_pause(
    row: dict[str, Any],
) -> None:
    fallback, backoff, now = Fallback(), Backoff(lambda: 1.0), 0.0
    transports = [fallback.choose(now)]
    pauses: list[float | None] = []
    for step in row["steps"]:
        if step == "live":
            fallback.live()
            backoff.reset()
        elif isinstance(step, dict) and "wait" in step:
            now += step["wait"]
        else:
            ending, retry_after = next(iter(step.items())) if isinstance(step, dict) else (step, 0)
            if ending in OVER:
                pauses.append(None)
                break
            fallback.ended(ending, now)
            pauses.append(backoff.pause(retry_after))
            transports.append(fallback.choose(now))

    expected = row["both"] if "both" in row else row["program"]
    assert transports == expected["transports"]
    assert pauses == expected["pauses"]


def test_the_longest_pause_is_within_the_grace_for_a_waiter() -> None:
    backoff = Backoff(lambda: 1.0)
    longest = max(backoff.pause() for _ in range(50))

    assert longest < limits.PRESENCE_GRACE_SECONDS / 2


def test_with_one_transport_there_is_nothing_to_fall_to() -> None:
    fallback = Fallback(("websocket",))
    for now in range(5):
        fallback.ended("unusable", now)

    assert fallback.choose(6) == "websocket"
