"""The harness can fail: every kind of broken promise is seen."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.chaos import broken, store_run
from tests.chaos.ledger import Acknowledged, Ended, Json, Ledger, Log, Lost, Told, Won, violations

SEEDS = range(60)
"""A broken store is caught by one of these; each store is tried until it is."""


@pytest.mark.parametrize(
    ("store", "says"),
    [
        (broken.AcknowledgesBeforeTheDisk, "was acknowledged and is lost"),
        (broken.LosesTheLastOfABatch, "was acknowledged and is lost"),
        (broken.PraisesEveryAnswer, "was named the end"),
        (broken.ForgetsThatARequestEnded, "ended 3 times"),
        (broken.IsBornAnew, "the epoch was"),
    ],
)
def test_a_store_that_breaks_a_promise_is_caught(
    store: type[SqliteStore], says: str, tmp_path: Path
) -> None:
    def caught(seed: int) -> bool:
        folder = tmp_path / str(seed)
        folder.mkdir()
        return any(says in words for words in violations(*store_run.run(seed, folder, store)))

    assert any(map(caught, SEEDS))


def event(offset: int, type_: str, **fields: str) -> Json:
    return {"offset": offset, "event_id": f"e{offset}", "type": type_, **fields}


LOG = Log(
    "life",
    [
        event(1, "note"),
        event(2, "human_input_required", request_id="q"),
        event(3, "human_input_completed", request_id="q"),
        event(4, "note"),
    ],
    {"q": "answered"},
)


def ledger() -> Ledger:
    """Return what was said of that log."""
    told: list[Told] = [
        *(Acknowledged(f"e{n}", n) for n in (1, 2, 3, 4)),
        Won("q", "e3"),
        Lost("q", "late", "e3"),
        Ended("q", "e3", "human_input_completed"),
    ]
    saw = {"sse": [(n, f"e{n}") for n in (1, 2, 3, 4)]}
    return Ledger(told, {"life"}, saw, asked={"q"})


def test_a_log_that_keeps_every_promise_is_not_accused() -> None:
    assert violations(ledger(), LOG) == []


def _with_events(*events: Json) -> Log:
    return replace(LOG, events=events)


E1, E2, E3, E4 = LOG.events


@pytest.mark.parametrize(
    ("log", "says"),
    [
        (_with_events(E1, E2, E3), "e4 was acknowledged and is lost"),
        (_with_events(E1, E2, E3, {**E4, "offset": 5}), "offset 5 follows 3"),
        (_with_events(E2, E1, E3, E4), "offset 1 follows 2"),
        (_with_events(E1, E2, E3, {**E4, "event_id": "e1"}), "e1 is there 2 times"),
        (_with_events(E1, E2, {**E3, "type": "human_input_cancelled"}, E4), "was told"),
        (_with_events(E1, E2, E3, {**E3, "offset": 4}), "ended 2 times"),
        (replace(LOG, statuses={"q": "pending"}), "is called pending"),
        (replace(LOG, epoch="another"), "the epoch was life"),
    ],
)
def test_a_log_that_breaks_a_promise_is_accused(log: Log, says: str) -> None:
    assert any(says in words for words in violations(ledger(), log))


def _reader(*offsets: int) -> Callable[[Ledger], None]:
    def change(book: Ledger) -> None:
        book.saw["sse"] = [(n, f"e{n}") for n in offsets]

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda book: book.told.append(Won("q", "late")), "late was named the end"),
        (lambda book: book.told.append(Lost("q", "e3", "e3")), "e3 was refused and is there"),
        (lambda book: book.asked.add("unheard"), "its crew never heard how it ended"),
        (_reader(1, 2, 4), "missed [(3, 'e3')]"),
        (_reader(1, 2, 2, 3, 4), "saw twice [(2, 'e2')]"),
        (_reader(1, 3, 2, 4), "out of order"),
        (_reader(1, 2, 3, 4, 5), "saw what is not there [(5, 'e5')]"),
        (lambda book: book.gaps.append("sse"), "a gap"),
    ],
)
def test_what_outsiders_were_told_wrongly_is_seen(
    change: Callable[[Ledger], None], says: str
) -> None:
    book = ledger()
    change(book)
    assert any(says in words for words in violations(book, LOG))


def test_a_question_that_nobody_is_left_to_wait_for_must_not_stay_open() -> None:
    log = replace(_with_events(E1, E2), statuses={"q": "pending"})
    book = Ledger(asked={"q"}, bereaved={"q"})
    assert any("its crew is dead" in words for words in violations(book, log))
