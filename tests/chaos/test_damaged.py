"""A damaged, foreign or forbidden file: it opens, or says what to do; it never does harm.

Bytes of a real log are overwritten at random. Whatever that breaks, every call returns what is
right or raises `StoreUnavailable`; nothing hangs, and nothing else is raised.
"""

import asyncio
import os
import random
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.errors import Settled, StoreUnavailable, UnknownRequest
from crewai_hitl_nb.protocol.events import UnknownEvent, event_type
from crewai_hitl_nb.protocol.wire import decode_event
from crewai_hitl_nb.store.base import EVERYTHING, Match, Record, RequestQuery
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from crewai_hitl_nb.store.trail import TrailPage
from tests.chaos.logs import ROUNDS, Sample, fill, sample
from tests.chaos.victim import Say, Victim
from tests.events import completed, other, required

SALVAGE = "crewai-hitl salvage {path}"


@pytest.fixture
def damaged(tmp_path: Path) -> Sample:
    """A log that the test damages."""
    return sample(tmp_path / "log.db")


def opening(path: Path) -> str:
    """Return what is said when the log does not open."""

    async def open_it() -> None:
        await SqliteStore(path).start(lambda commits: None)

    with pytest.raises(StoreUnavailable) as refused:
        asyncio.run(open_it())
    return refused.value.message


def test_a_log_without_its_header_names_the_command_that_salvages_it(damaged: Sample) -> None:
    damaged.overwrite(0, b"gone" * 25)
    before = damaged.content
    assert SALVAGE.format(path=damaged.path) in opening(damaged.path)
    assert damaged.content == before


def test_a_truncated_log_names_the_command_that_salvages_it(damaged: Sample) -> None:
    damaged.path.write_bytes(damaged.content[: 4096 * 3 + 100])
    assert SALVAGE.format(path=damaged.path) in opening(damaged.path)


def test_an_emptied_log_beside_its_write_ahead_log_is_not_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    asyncio.run(fill(path, crash=True))
    path.write_bytes(b"")
    wal = Path(f"{path}-wal").read_bytes()
    assert SALVAGE.format(path=path) in opening(path)
    assert Path(f"{path}-wal").read_bytes() == wal


def test_an_empty_write_ahead_log_is_as_good_as_none(damaged: Sample) -> None:
    Path(f"{damaged.path}-wal").write_bytes(b"")
    assert asyncio.run(everything(damaged.path)) == []


async def read(path: Path) -> list[Record]:
    """Read the log from one end to the other."""
    store = SqliteStore(path)
    await store.start(lambda commits: None)
    try:
        return await store.read(EVERYTHING, after=0, upto=store.top, limit=1000)
    finally:
        await store.close()


@pytest.mark.parametrize("harm", [b"\xff\xfe ort 3", b'"","""3', b"sh\nrt 3"])
def test_in_a_damaged_events_place_stands_what_is_known_of_it_and_all_others_come(
    damaged: Sample, harm: bytes
) -> None:
    damaged.replace(b"short 3", harm[:7])
    found = asyncio.run(read(damaged.path))
    assert [record.offset for record in found] == list(damaged.bodies)
    assert [r.offset for r in found if r.body != damaged.bodies[r.offset]] == [16]
    said = decode_event(found[15].body)
    assert isinstance(said, UnknownEvent)
    assert (said.type, said.event_id, said.offset) == ("event_damaged", "short-3", 16)
    assert said.fields["was"] == found[15].type == event_type(other())


def test_a_damaged_answer_is_nobodys_answer(damaged: Sample) -> None:
    damaged.replace(b"the answer to 3", b"\xff\xfee answer to 3")
    (said,) = [decode_event(r.body) for r in asyncio.run(read(damaged.path)) if r.offset == 20]
    assert isinstance(said, UnknownEvent)
    assert said.fields["request_id"] == "done-3"
    assert said.fields["was"] == "human_input_completed"
    assert "decision" not in said.fields


def test_an_event_of_which_nothing_can_be_said_withholds_its_page(damaged: Sample) -> None:
    damaged.replace(b"short-3", b"\xff\xfeort-3")
    with pytest.raises(StoreUnavailable) as refused:
        asyncio.run(read(damaged.path))
    assert SALVAGE.format(path=damaged.path) in refused.value.message


def test_a_trail_goes_on_behind_a_damaged_event_whose_seal_it_does_not_fit(
    damaged: Sample,
) -> None:
    damaged.replace(b"short 3", b"sh\nrt 3")

    async def trail() -> TrailPage:
        store = SqliteStore(damaged.path)
        await store.start(lambda commits: None)
        try:
            return await store.trail(after=0, limit=1000)
        finally:
            await store.close()

    page = asyncio.run(trail())
    assert [entry.offset for entry in page.entries] == list(damaged.bodies)
    entry = page.entries[15]
    assert entry.body is not None
    assert chain.seal(page.entries[14].seal, chain.digest(entry.body)) != entry.seal
    assert b'"event_damaged"' in entry.body


async def everything(path: Path) -> list[StoreUnavailable]:
    """Call everything that a store can do; return the refusals, and raise all else."""
    store = SqliteStore(path)
    await store.start(lambda commits: None)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: store.read(EVERYTHING, after=0, upto=store.top, limit=1000),
        lambda: store.read(EVERYTHING, after=0, upto=store.top, limit=1000, scope="pending"),
        lambda: store.read(Match(execution_id="none"), after=0, upto=store.top, limit=1000),
        lambda: store.offset_of("short-3"),
        lambda: store.requests(RequestQuery(limit=1000)),
        lambda: store.requests(RequestQuery(status="pending", newest_first=True)),
        lambda: store.get_metadata(""),
        lambda: store.trail(after=0, limit=1000),
        lambda: store.append([other(), required("new")]),
        lambda: store.append([completed("new", "yes")]),
        lambda: store.put_metadata("note", b"{}"),
        lambda: store.prune(keep=20, before=0),
        *(partial(store.request, f"done-{n}") for n in range(ROUNDS)),
        *(partial(store.append, [completed(f"open-{n}", "yes")]) for n in range(ROUNDS)),
    ]
    try:
        return [refusal for call in calls if (refusal := await refused(call())) is not None]
    finally:
        await store.close()


async def refused(call: Awaitable[object]) -> StoreUnavailable | None:
    """Return the refusal that a call ended with."""
    try:
        await call
    except StoreUnavailable as refusal:
        return refusal
    except (UnknownRequest, Settled):
        pass  # as the log says now: what it held of the request cannot be seen
    return None


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_is_refused_in_our_words_or_does_no_harm(damaged: Sample, seed: int) -> None:
    dice, length = random.Random(seed), len(damaged.content)
    for _ in range(dice.randint(1, 8)):
        damaged.overwrite(dice.randrange(length), dice.randbytes(dice.choice([1, 8, 512])))
    try:
        refusals = asyncio.run(everything(damaged.path))
    except StoreUnavailable as at_start:
        refusals = [at_start]
    for refusal in refusals:
        assert str(damaged.path) in refusal.message


# ---- files that the server may not write

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")


def open_as_nobody(say: Say, path: Path) -> None:
    """Try to open the log as a user who owns nothing."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    try:
        asyncio.run(SqliteStore(path).start(lambda commits: None))
    except StoreUnavailable as refusal:
        say(refusal.message)
    else:
        say("it opened")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@needs_root
@pytest.mark.parametrize("case", ["file", "folder", "lock"])
def test_a_file_that_may_not_be_written_is_named_with_what_to_do(
    open_folder: Path, case: str
) -> None:
    path = open_folder / "data" / "log.db"
    asyncio.run(fill(path))
    lock = Path(f"{path}.lock")
    for its in (path.parent, path, lock):
        os.chown(its, 0, NOBODY)  # root's, and its group may write where this case lets it
    path.parent.chmod(0o755 if case != "lock" else 0o775)
    path.chmod(0o644 if case == "file" else 0o664)
    lock.chmod(0o600 if case == "lock" else 0o664)
    (said,) = Victim(open_as_nobody, path).heard()
    assert str(path) in said
    assert "let the user that runs the server write the file and its folder" in said
