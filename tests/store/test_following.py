"""What a server makes of a log that is not the one that it has announced."""

from collections.abc import Iterator

import pytest
import pytest_asyncio

from crewai_hitl_nb.store.postgres import reading
from crewai_hitl_nb.store.postgres.announcer import Announcer
from crewai_hitl_nb.store.postgres.connections import Session, parse
from crewai_hitl_nb.store.postgres.following import Following
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.events import other

pytestmark = pytest.mark.asyncio


class Follower:
    """A server that follows a log by itself, page by page."""

    def __init__(self, log: Session) -> None:
        self.announced: list[int] = []
        self.resets: list[tuple[str, int]] = []
        self._log = log
        self._following = Following(
            Announcer(lambda commits, _: self.announced.extend(c.record.offset for c in commits)),
            lambda state, why: self.resets.append((why, state.head.offset)),
        )
        self._following.begin(reading.state(log))

    def read(self) -> None:
        """Read what is new."""
        while self._following.read_page(self._log):
            pass


@pytest.fixture
def log(log_url: str) -> Iterator[Session]:
    session = parse(log_url).connect()
    yield session
    session.close()


@pytest_asyncio.fixture
async def follower(log_url: str, log: Session) -> Follower:
    """A server that has announced three events."""
    await append(log_url, 0)
    follower = Follower(log)
    await append(log_url, 3)
    follower.read()
    assert follower.announced == [1, 2, 3]
    return follower


async def append(log_url: str, number: int) -> None:
    """Append events at a server that has seen nothing of the log before."""
    store = PostgresStore(parse(log_url))
    await store.start(lambda commits: None)
    await store.append([other() for _ in range(number)])
    await store.close()


async def test_events_at_the_offsets_of_lost_ones_are_not_skipped_in_silence(
    log_url: str, log: Session, follower: Follower
) -> None:
    log.run_script(
        'DELETE FROM log.events WHERE "offset" > 1; UPDATE log.state SET top = 1,'
        ' seal = (SELECT seal FROM log.events WHERE "offset" = 1)'
    )
    await append(log_url, 5)
    follower.read()
    assert follower.resets == [("history_lost", 6)]
    assert follower.announced == [1, 2, 3]
    await append(log_url, 1)
    follower.read()
    assert follower.announced == [1, 2, 3, 7]


async def test_events_that_were_pruned_unread_are_not_skipped_in_silence(
    log_url: str, follower: Follower
) -> None:
    await append(log_url, 5)
    store = PostgresStore(parse(log_url))
    await store.start(lambda commits: None)
    await store.prune(keep=2, before=0.0)
    await store.close()
    follower.read()
    assert follower.resets == [("fell_behind", 8)]
    assert follower.announced == [1, 2, 3]


async def test_what_was_announced_may_be_pruned(log_url: str, follower: Follower) -> None:
    store = PostgresStore(parse(log_url))
    await store.start(lambda commits: None)
    await store.prune(keep=0, before=0.0)
    await store.append([other()])
    await store.close()
    follower.read()
    assert follower.resets == []
    assert follower.announced == [1, 2, 3, 4]
