"""The checker finds every kind of broken promise, each by the rule for it, and accuses nobody else.

Each plant is a small history with one fault. The test of the rules takes each rule away: some plant
must then go unnoticed, so no rule is there for nothing.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.ledger import Json, Log
from tests.chaos.team import histories
from tests.chaos.team.histories import (
    RULES,
    Attempt,
    Connected,
    Gap,
    History,
    Item,
    Live,
    Reader,
    Received,
    Reply,
    violations,
)


def event(offset: int, name: str, type_: str = "note", **fields: str) -> Json:
    return {"offset": offset, "event_id": name, "type": type_, **fields}


NOTES = [event(n, f"e{n}") for n in (1, 2, 3)]
ASKED = event(4, "q", "human_input_required", request_id="q")
ANSWERED = event(5, "a", "human_input_completed", request_id="q", human_feedback="yes")
LAST = event(6, "e6")
LOG = Log("life", [*NOTES, ASKED, ANSWERED, LAST], {"q": "answered"})

PRUNED = replace(LOG, events=LOG.events[2:], pruned_through=2)
"""The same log without its first two events."""

CANCELLED = replace(
    LOG,
    events=[*NOTES, ASKED, event(5, "a", "human_input_cancelled", request_id="q"), LAST],
    statuses={"q": "cancelled"},
)
EXPIRED = replace(
    LOG,
    events=[*NOTES, ASKED, event(5, "a", "human_input_expired", request_id="q"), LAST],
    statuses={"q": "expired"},
)


def got(*offsets: int, at: float = 0.0) -> list[Item]:
    names = {each["offset"]: str(each["event_id"]) for each in LOG.events}
    return [Received(offset, names.get(offset, f"e{offset}"), at) for offset in offsets]


def clean() -> History:
    """Return what three publishers, three answerers and two readers of that log saw."""
    return History(
        attempts=[
            Attempt(("e1", "e2"), "unknown", began=0, ended=1),
            Attempt(("e1", "e2"), "refused", began=2, ended=3),
            Attempt(("e1", "e2"), "stored", (1, 2), began=4, ended=5),
            Attempt(("e3",), "stored", (3,), began=6, ended=7),
            Attempt(("q",), "stored", (4,), began=6, ended=9),
            Attempt(("e6",), "unknown", began=10, ended=11),
            Attempt(("never",), "refused", began=10, ended=11),
        ],
        replies=[
            Reply("q", "ada", "yes", "unknown"),
            Reply("q", "ada", "yes", "won", "a"),
            Reply("q", "ben", "no", "refused"),
            Reply("q", "ben", "no", "lost", "a"),
            Reply("q", "cyd", None, "lost", "a"),
        ],
        readers={
            "moves": Reader(
                [Connected(None), *got(1, 2), Connected("e2"), *got(3), Live(), *got(4, 5, 6)],
                has_read_all=True,
            ),
            "leaves": Reader([Connected(None), Live(), *got(1, 2, 3)]),
        },
        epochs=[(0.0, "life")],
    )


Change = Callable[[History], object]


def _reads(*items: Item, all_: bool = True) -> Change:
    """Let one reader see this."""

    def change(history: History) -> None:
        history.readers["moves"] = Reader(list(items), has_read_all=all_)

    return change


def _told(*replies: Reply) -> Change:
    return lambda history: history.replies.extend(replies)


def _sent(*attempts: Attempt) -> Change:
    return lambda history: history.attempts.extend(attempts)


def _nothing(history: History) -> None:
    """Leave it as it is."""


def _allows_expiry(history: History) -> None:
    history.ends_by_itself["q"] = frozenset({"human_input_expired"})
    history.replies = [Reply("q", "ada", "yes", "lost", "a")]


def _cancels(history: History) -> None:
    history.replies = [Reply("q", "cyd", None, "unknown"), Reply("q", "ada", "yes", "lost", "a")]


def _loses_history(history: History) -> None:
    """Let the database lose its second half at time 20, and be written again."""
    history.may_lose_history = True
    history.epochs = [(0.0, "before"), (20.0, "life")]
    history.attempts.append(Attempt(("gone",), "stored", (9,), began=12, ended=13))
    history.attempts[4] = Attempt(("q",), "stored", (4,), began=22, ended=23)
    history.replies.append(Reply("gone", "ben", "no", "missing", at=24))
    history.replies.append(Reply("gone", "ada", "yes", "won", "b", at=14))
    history.readers["moves"] = Reader(
        [
            *(Connected(None), *got(1, 2, 3, at=1), Received(9, "gone", 13), Live()),
            *(Connected("gone"), Gap("unknown_event_id", "gone"), *got(1, 2, 3, 4, 5, 6, at=21)),
        ],
        has_read_all=True,
    )


def _sees_the_epoch(history: History) -> None:
    """Let a reader resume after an event that was lost and published again at another offset."""
    _loses_history(history)
    history.readers["moves"] = Reader(
        [
            *(Connected(None), *got(1, 2, at=1), Live(), Received(7, "e3", 13), Connected("e3")),
            *(*got(4, 6, at=21), Gap("unknown_event_id", "e6", by_epoch=True), Connected(None)),
            *(*got(1, 2, 3, 4, 5, 6, at=22), Live()),
        ],
        has_read_all=True,
    )


@pytest.mark.parametrize(
    ("log", "change"),
    [
        pytest.param(LOG, _nothing, id="nothing is wrong"),
        pytest.param(
            LOG,
            _reads(*got(1, 2, 3), Connected("e3"), *got(4, 5, 6)),
            id="a reader resumes at another server",
        ),
        pytest.param(EXPIRED, _allows_expiry, id="a question has a deadline"),
        pytest.param(CANCELLED, _cancels, id="an answerer cancels"),
        pytest.param(LOG, _loses_history, id="history is lost, with a new epoch and a gap"),
        pytest.param(
            LOG, _sees_the_epoch, id="history is lost, and a reader notices it by the epoch"
        ),
        pytest.param(
            PRUNED,
            _reads(Connected(None), *got(3, 4), Live(), *got(5, 6)),
            id="a reader comes after a pruning",
        ),
        pytest.param(
            PRUNED,
            _reads(*got(1), Connected("e1"), Gap("pruned", "e1"), *got(3, 4, 5, 6)),
            id="a reader falls behind a pruning and is told",
        ),
        pytest.param(
            PRUNED, _reads(*got(1, 2), Live(), *got(3, 4, 5, 6)), id="a reader saw what is pruned"
        ),
        pytest.param(
            replace(LOG, events=LOG.events[:5]),
            _reads(*got(1, 2, 3, 4, 5)),
            id="an event of unknown outcome is not there",
        ),
    ],
)
def test_a_history_in_which_every_promise_is_kept_is_not_accused(log: Log, change: Change) -> None:
    history = clean()
    change(history)
    assert violations(history, log) == []


def _with(*events: Json) -> Log:
    return replace(LOG, events=events)


PLANTS = [
    # the log
    (_with(*NOTES[:2], ASKED, ANSWERED, LAST), _nothing, "e3 was acknowledged at 3 and is lost"),
    (
        _with(*NOTES, ASKED, ANSWERED, {**LAST, "offset": 7}),
        _reads(*got(1, 2, 3, 4, 5), Received(7, "e6")),
        "offset 7 after 5",
    ),
    (_with(*LOG.events, event(7, "e6")), _reads(*got(1, 2, 3)), "e6 is in the log 2 times"),
    (
        replace(_with(*LOG.events, {**ANSWERED, "offset": 7}), statuses={"q": "answered"}),
        _nothing,
        "request q ended 2 times",
    ),
    (replace(LOG, statuses={"q": "pending"}), _nothing, "q is listed as pending"),
    (LOG, lambda history: history.saw_epoch("new", 3), "although no history was lost"),
    (replace(LOG, epoch="other"), _nothing, "the last epoch that anybody saw is life"),
    # publishers
    (LOG, _sent(Attempt(("e2",), "stored", (3,))), "e2 was acknowledged at 3 and is at 2"),
    (LOG, _sent(Attempt(("lost",), "stored", (9,))), "lost was acknowledged at 9 and is lost"),
    (_with(*LOG.events, event(7, "never")), _reads(*got(1)), "never was refused and is in the log"),
    (_with(*LOG.events, event(7, "spook")), _reads(*got(1)), "nobody published it"),
    (
        LOG,
        lambda history: history.attempts.__setitem__(
            3, Attempt(("e3",), "stored", (3,), began=20, ended=21)
        ),
        "e3 was sent after q was stored, and is before it",
    ),
    # answerers
    (LOG, _told(Reply("q", "ben", "no", "won", "b")), "ben won with b, it ended with ['a']"),
    (LOG, _told(Reply("q", "ben", "no", "won", "a")), "the log has other words"),
    (LOG, _told(Reply("q", "ben", "yes", "won", "a")), "has 2 winners: ['ada', 'ben']"),
    (LOG, _told(Reply("q", "ben", "no", "lost", "b")), "ben lost to b, it ended with ['a']"),
    (
        LOG,
        lambda history: history.replies.__setitem__(slice(0, 2), []),
        "q ended with human_input_completed ('yes'); nobody did that",
    ),
    (EXPIRED, lambda history: history.replies.clear(), "human_input_expired (None); nobody did"),
    (CANCELLED, lambda history: history.replies.clear(), "human_input_cancelled (None); nobody"),
    (LOG, _told(Reply("q", "ben", "no", "missing")), "ben was told that it does not exist"),
    # readers
    (LOG, _reads(*got(1, 2, 3, 4), Connected("q"), *got(4, 5, 6)), "got event q (4) twice"),
    (LOG, _reads(*got(1, 3, 2, 4, 5, 6)), "got offset 2 after 3"),
    (LOG, _reads(*got(1, 2, 4, 5, 6)), "no gap, and not the events at [3]"),
    (LOG, _reads(*got(1, 2), Connected("e2"), *got(4, 5, 6)), "not the events at [3]"),
    (
        LOG,
        _reads(
            *(*got(1, 3), Live(), Gap("unknown_event_id", "e3", by_epoch=True)),
            *got(1, 2, 3, 4, 5, 6),
        ),
        "no gap, and not the events at [2]",
    ),
    (LOG, _reads(*got(1, 2, 3, 4)), "not the events at [5, 6]"),
    (LOG, _reads(*got(2, 3, 4, 5, 6)), "not the events at [1]"),
    (
        PRUNED,
        _reads(Connected(None), Live(), *got(1), *got(3, 4, 5, 6)),
        "no gap, and not the events at [2]",
    ),
    (LOG, _reads(*got(1, 2, 3), Received(4, "e9"), all_=False), "e9 at 4, which is not there"),
    (LOG, _reads(*got(1), Gap("unknown_event_id", "e1"), *got(1, 2, 3, 4, 5, 6)), "for nothing"),
    (LOG, _reads(*got(1), Gap("pruned", "e1"), *got(1, 2, 3, 4, 5, 6)), "for nothing"),
]


@pytest.mark.parametrize(("log", "change", "says"), PLANTS, ids=[says for *_, says in PLANTS])
def test_a_broken_promise_is_found(log: Log, change: Change, says: str) -> None:
    history = clean()
    change(history)
    assert any(says in words for words in violations(history, log))


@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_each_rule_is_needed_to_find_some_broken_promise(rule: histories.Rule) -> None:
    others = [each for each in RULES if each is not rule]

    def is_found(log: Log, change: Change, says: str) -> bool:
        history = clean()
        change(history)
        return any(says in words for words in violations(history, log, others))

    assert not all(is_found(*plant) for plant in PLANTS)


def test_a_lost_history_excuses_only_what_was_seen_before_the_new_epoch() -> None:
    history = clean()
    _loses_history(history)
    history.attempts.append(Attempt(("late",), "stored", (7,), began=22, ended=23))
    assert violations(history, LOG) == ["event late was acknowledged at 7 and is lost"]
