"""One run against the store alone: a process writes, is killed, and the next takes over.

Everything that a run does follows from its seed: what is written, how many lives the writer
has, and where each of them ends. A life sends what was not acknowledged to those before, as
publishers do, and some of what was.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

import msgspec

from crewai_hitl_nb.protocol.errors import AlreadyAnswered
from crewai_hitl_nb.protocol.events import Event, HumanInputCompleted
from crewai_hitl_nb.store.base import EVERYTHING, Record, RequestQuery
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.chaos.ledger import Acknowledged, Ledger, Log, Lost, Won
from tests.chaos.victim import Say, Victim
from tests.events import completed, other, required

DEATHS = 3
LINES = 3000
"""About as many lines of ours as one life takes, for a death between any two of them."""

SECONDS = 0.06
"""About as long as one life takes, for a death inside SQLite or the operating system."""

ANSWERS = 3
STRANDS = 3
"""Stories told side by side."""

SIZES = [1, 100, 20_000]


OpenLog: TypeAlias = Callable[[], MetadataStore]


@dataclass(frozen=True)
class Story:
    """A batch of events, and the answers that race once it is stored."""

    batch: list[Event]
    answers: list[HumanInputCompleted] = field(default_factory=list)


def stories(dice: random.Random) -> list[Story]:
    """Return what is written in a run: batches of notes, and questions with racing answers."""
    return [
        _question(f"q{number}") if dice.random() < 0.5 else _notes(f"n{number}", dice)
        for number in range(dice.randint(6, 16))
    ]


def _notes(name: str, dice: random.Random) -> Story:
    text = "x" * dice.choice(SIZES)
    return Story([other(event_id=f"{name}-{n}", text=text) for n in range(dice.randint(1, 5))])


def _question(name: str) -> Story:
    racing = [completed(name, f"answer {n}", event_id=f"{name}-a{n}") for n in range(ANSWERS)]
    return Story([required(name, event_id=name)], racing)


def write(say: Say, open_log: OpenLog, told: list[Story]) -> None:
    """Live one life: tell the stories, some at once, and say what was promised."""
    asyncio.run(_write(say, open_log(), told))


async def _write(say: Say, store: MetadataStore, told: list[Story]) -> None:
    await store.start(lambda commits: None)
    say(store.epoch)
    await asyncio.gather(*(_tell_all(say, store, told[n::STRANDS]) for n in range(STRANDS)))
    await store.close()


async def _tell_all(say: Say, store: MetadataStore, told: list[Story]) -> None:
    for story in told:
        await _tell(say, store, story)


async def _tell(say: Say, store: MetadataStore, story: Story) -> None:
    for placed in await store.append(story.batch):
        say(Acknowledged(placed.record.event_id, placed.record.offset))
    await asyncio.gather(*(_answer(say, store, answer) for answer in story.answers))


async def _answer(say: Say, store: MetadataStore, answer: HumanInputCompleted) -> None:
    request_id = str(answer.request_id)
    try:
        (placed,) = await store.append([answer])
    except AlreadyAnswered as late:
        say(Lost(request_id, answer.event_id, str(late.details["event"]["event_id"])))
    else:
        say(Acknowledged(answer.event_id, placed.record.offset))
        say(Won(request_id, answer.event_id))


def run(seed: int, folder: Path, store: type[SqliteStore] = SqliteStore) -> tuple[Ledger, Log]:
    """Play one run on a file and return what was promised and what is there."""
    return play(seed, partial(store, folder / "log.db"))


def play(seed: int, open_log: OpenLog) -> tuple[Ledger, Log]:
    """Play one run on a log and return what was promised and what is there.

    Args:
        seed: Of everything that happens.
        open_log: Makes a store of the log; it is sent to the processes.
    """
    dice = random.Random(seed)
    told, ledger = stories(dice), Ledger()
    live = partial(_life, ledger, open_log)
    for _ in range(dice.randint(1, DEATHS)):
        if dice.random() < 0.5:
            live(told, line=dice.randint(1, LINES))
        else:
            live(told, second=dice.uniform(0, SECONDS))
        told = [s for s in told if not _is_known(ledger, s) or dice.random() < 0.3]
    assert live(told) == 0, "the last life, which nobody cut short, failed"
    return ledger, asyncio.run(read_log(open_log()))


def _is_known(ledger: Ledger, story: Story) -> bool:
    """Whether everything in it ended and somebody heard how."""
    told = {word.event_id for word in ledger.told if isinstance(word, Acknowledged | Lost)}
    return told.issuperset(event.event_id for event in (*story.batch, *story.answers))


def _life(
    ledger: Ledger,
    open_log: OpenLog,
    told: list[Story],
    *,
    line: int | None = None,
    second: float | None = None,
) -> int | None:
    victim = Victim(write, open_log, told, doomed_at=line)
    if second is not None:
        victim.await_death(second)
        victim.kill()
    for word in victim.heard():
        if isinstance(word, str):
            ledger.epochs.add(word)
        else:
            ledger.told.append(word)
    return victim.join()


async def read_back(path: Path) -> Log:
    """Open the file once more and read all of it."""
    return await read_log(SqliteStore(path))


async def read_log(store: MetadataStore) -> Log:
    """Read all of a log."""
    await store.start(lambda commits: None)
    try:
        records: list[Record] = []
        while page_of_events := await store.read(  # pages end early where events are large
            EVERYTHING,
            after=records[-1].offset if records else 0,
            upto=store.top,
            limit=1_000_000,
        ):
            records += page_of_events
        page = await store.requests(RequestQuery(limit=1_000_000))
        statuses = {request.required.request_id: request.status for request in page.requests}
        events = [msgspec.json.decode(record.body) for record in records]
        return Log(store.epoch, events, dict(statuses), store.pruned_through)
    finally:
        await store.close()
