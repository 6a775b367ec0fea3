"""Commits of several servers come in any order and are announced in offset order, each once."""

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crewai_hitl_nb.store.base import Commit, commit_of
from crewai_hitl_nb.store.postgres.announcer import Announcer
from tests.events import other

COMMITS = [commit_of(other(), offset) for offset in range(1, 31)]

parts = st.lists(
    st.tuples(st.integers(0, 29), st.integers(1, 10)).map(
        lambda part: (part[0], min(30, part[0] + part[1]))
    ),
    max_size=30,
)


@given(parts)
def test_whatever_order_parts_come_in_each_commit_is_delivered_once_and_in_order(
    some: list[tuple[int, int]],
) -> None:
    delivered: list[int] = []

    def deliver(commits: Sequence[Commit], upto: int) -> None:
        delivered.extend(commit.record.offset for commit in commits)
        assert upto == len(delivered)

    announcer = Announcer(deliver)
    announcer.expect(COMMITS)
    for after, upto in some:
        announcer.add(0, after, upto, COMMITS[after:upto])
        assert delivered == list(range(1, announcer.position[1] + 1))
    for after in range(29, -1, -1):
        announcer.add(0, after, after + 1, COMMITS[after : after + 1])
    assert delivered == list(range(1, 31))
    assert not announcer.has_hole


def test_after_a_new_beginning_what_came_before_is_forgotten() -> None:
    delivered: list[int] = []
    announcer = Announcer(lambda commits, _: delivered.extend(c.record.offset for c in commits))
    announcer.begin(3)
    announcer.add(1, 5, 7, COMMITS[5:7])
    announcer.begin(4)
    announcer.add(1, 4, 8, COMMITS[4:8])  # read before the log began anew
    announcer.add(2, 4, 6, COMMITS[4:6])
    assert delivered == [5, 6]


def test_what_this_server_stored_is_its_own_whichever_thread_brings_it_first() -> None:
    delivered: list[tuple[int, bool]] = []
    announcer = Announcer(
        lambda commits, _: delivered.extend((c.record.offset, c.own) for c in commits)
    )
    read = [msgspec.structs.replace(commit, own=False) for commit in COMMITS]
    announcer.expect(COMMITS[1:3])
    announcer.add(0, 0, 2, read[0:2])  # the thread that follows the log is faster
    announcer.add(0, 1, 3, COMMITS[1:3])
    announcer.expect(COMMITS[3:4])
    announcer.forget(COMMITS[3:4])  # it was not stored, and another server stored it
    announcer.add(0, 3, 4, read[3:4])
    assert delivered == [(1, False), (2, True), (3, True), (4, False)]
