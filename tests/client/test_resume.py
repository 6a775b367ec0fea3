"""The reader's decisions: where to go on, when, and over which transport."""

from crewai_hitl_nb.client.resume import (
    CLIMB_SECONDS,
    LONGEST_SILENCE_SECONDS,
    Backoff,
    Cursor,
    Fallback,
    Patience,
)
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import Event, UnknownEvent
from crewai_hitl_nb.protocol.frames import Gap
from tests.events import other


def at(offset: int) -> Event:
    return UnknownEvent(
        type="weather_changed",
        event_id=f"event-{offset}",
        timestamp=other().timestamp,
        offset=offset,
    )


def test_a_reader_goes_on_after_the_last_event_it_saw() -> None:
    cursor = Cursor()

    assert cursor.takes(at(4))

    assert cursor.parameters("all") == {"last_event_id": "event-4"}


def test_until_the_first_event_a_reader_asks_for_the_same_replay_again() -> None:
    assert Cursor().parameters("pending") == {"replay": "pending"}
    assert Cursor().parameters(None) == {}


def test_an_event_that_was_seen_is_not_taken_again() -> None:
    cursor = Cursor()

    taken = [cursor.takes(at(offset)) for offset in (3, 5, 5, 4, 6)]

    assert taken == [True, True, False, False, True]
    assert cursor.last_event_id == "event-6"


def test_after_a_gap_everything_counts_anew() -> None:
    cursor = Cursor()
    cursor.takes(at(9))

    cursor.gap(Gap(reason="pruned", last_event_id="event-9", epoch="e", message=""))

    assert cursor.takes(at(2))


def test_pauses_double_from_the_shortest_to_the_longest_and_start_over() -> None:
    backoff = Backoff(dice=lambda: 1.0, shortest=0.1, longest=0.5)

    assert [backoff.pause() for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    backoff.reset()
    assert backoff.pause() == 0.1


def test_pauses_are_spread_over_the_upper_half() -> None:
    assert Backoff(dice=lambda: 0.0, shortest=1.0).pause() == 0.5


def test_the_longest_pause_is_within_the_grace_for_a_waiter() -> None:
    backoff = Backoff(dice=lambda: 1.0)
    longest = max(backoff.pause() for _ in range(50))

    assert longest < limits.PRESENCE_GRACE_SECONDS / 2


def test_a_transport_is_given_up_after_two_vain_attempts() -> None:
    fallback = Fallback()
    used = []
    for now in range(6):
        used.append(fallback.choose(now))
        fallback.unusable(now)

    assert used == ["websocket", "websocket", "sse", "sse", "poll", "poll"]


def test_one_vain_attempt_between_good_ones_changes_nothing() -> None:
    fallback = Fallback()
    for now in range(5):
        fallback.unusable(now)
        fallback.live()

    assert fallback.choose(6) == "websocket"


def test_the_best_transport_is_tried_again_after_a_while() -> None:
    fallback = Fallback()
    fallback.unusable(0)
    fallback.unusable(0)

    assert fallback.choose(CLIMB_SECONDS - 1) == "sse"
    assert fallback.choose(CLIMB_SECONDS) == "websocket"


def test_with_one_transport_there_is_nothing_to_fall_to() -> None:
    fallback = Fallback(("websocket",))
    for now in range(5):
        fallback.unusable(now)

    assert fallback.choose(6) == "websocket"


def test_a_lesser_transport_that_never_worked_is_left_when_the_server_is_away() -> None:
    fallback = Fallback()
    fallback.unusable(0)
    fallback.unusable(0)
    assert fallback.choose(1) == "sse"
    fallback.away()

    assert fallback.choose(2) == "websocket"


def test_a_lesser_transport_that_worked_is_kept_when_the_server_is_away() -> None:
    fallback = Fallback()
    fallback.unusable(0)
    fallback.unusable(0)
    fallback.live()
    fallback.away()

    assert fallback.choose(2) == "sse"


def test_two_heartbeats_of_silence_are_borne() -> None:
    patience = Patience(beat=4.0)
    for now in (0.0, 4.0, 8.0):
        patience.heartbeat(now)

    assert patience.seconds == 8.0


def test_a_slower_pulse_is_learned_from_its_heartbeats() -> None:
    patience = Patience(beat=4.0)
    patience.heartbeat(0.0)
    patience.heartbeat(15.0)

    assert patience.seconds == 30.0


def test_a_pulse_slower_than_the_patience_is_not_cut_off_for_ever() -> None:
    patience = Patience(beat=4.0)
    for _ in range(10):
        patience.exhausted()

    assert patience.seconds == LONGEST_SILENCE_SECONDS


def test_the_pause_between_two_connections_is_none_of_a_heartbeat() -> None:
    patience = Patience(beat=4.0)
    patience.heartbeat(0.0)
    patience.connecting()
    patience.heartbeat(50.0)

    assert patience.seconds == 8.0
