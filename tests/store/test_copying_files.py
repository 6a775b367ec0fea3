"""The files of a log are moved and salvaged with it, whatever the copy was interrupted by."""

import asyncio
from pathlib import Path

import pytest

from crewai_hitl_nb.protocol.errors import NotFound
from crewai_hitl_nb.store.blob_folder import folder_of
from crewai_hitl_nb.store.copying import Progress
from crewai_hitl_nb.store.open import locate, open_store
from crewai_hitl_nb.store.sqlite.salvage import salvage, salvage_in_place
from crewai_hitl_nb.store.transfer import TransferLog
from tests.postgres import Cluster
from tests.store.test_copying import NOW, Place, move, places, ways
from tests.store.test_files import CONTENT, file_of, question, reference, upload


@pytest.fixture
def place(tmp_path: Path, database: Cluster) -> Place:
    return places(tmp_path, database)


async def filled(where: str) -> None:
    """Make a log with two files that questions refer to and one that none does."""
    store = open_store(locate(where))
    await store.start(lambda commits: None)
    await store.files.put(upload("a"))
    await store.files.put(upload("b"))
    await store.files.put(upload("b", b"another"))
    await store.append([question("a", reference()), question("b", reference())])
    await store.close()


async def content(where: str, request_id: str, file: bytes = CONTENT) -> bytes:
    store = open_store(locate(where))
    await store.start(lambda commits: None)
    try:
        await store.files.sweep()
        return await store.files.content(request_id, reference(file).sha256)
    finally:
        await store.close()


@ways
def test_a_log_is_moved_with_its_files(place: Place, kind: str, to: str) -> None:
    source, target = place(kind), place(to)
    asyncio.run(filled(source))
    done = move(source, target)
    assert (done.files, done.lost_files) == (3, [])
    for request_id in ("a", "b"):
        assert asyncio.run(content(target, request_id)) == CONTENT
    assert asyncio.run(content(target, "b", b"another")) == b"another"


@ways
def test_a_copy_that_was_interrupted_continues_with_the_files_that_it_lacks(
    place: Place, kind: str, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = place(kind), place(to)
    asyncio.run(filled(source))
    added: list[str] = []

    def interrupted(log: TransferLog, rows: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        for name in ("sqlite", "postgres"):
            module = f"crewai_hitl_nb.store.{name}.transfer.{name.capitalize()}TransferLog"
            crash.setattr(f"{module}.put_files", interrupted)
        with pytest.raises(KeyboardInterrupt):
            move(source, target)

    def note(progress: Progress) -> None:
        added.append(progress.step)

    done = move(source, target, note)
    assert added[0] == "continued"
    assert done.files == 3
    assert asyncio.run(content(target, "a")) == CONTENT


def test_a_file_whose_content_is_lost_is_named_and_keeps_no_log_from_moving(
    place: Place,
) -> None:
    source, target = place("sqlite"), place("postgres")
    asyncio.run(filled(source))
    file_of(Path(source)).write_bytes(b"altered")
    done = move(source, target)
    assert (done.files, done.lost_files) == (1, [reference().sha256])
    with pytest.raises(NotFound):
        asyncio.run(content(target, "a"))
    assert asyncio.run(content(target, "b", b"another")) == b"another"


def test_a_log_that_was_moved_to_a_file_has_a_folder_of_its_own(place: Place) -> None:
    source, target = place("sqlite"), place("sqlite")
    asyncio.run(filled(source))
    move(source, target)
    assert file_of(Path(target)).read_bytes() == CONTENT
    assert folder_of(Path(target)).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("in_place", [True, False])
def test_a_log_that_is_salvaged_keeps_the_files_of_its_events(place: Place, in_place: bool) -> None:
    path = Path(place("sqlite"))
    asyncio.run(filled(str(path)))
    file_of(path, b"another").unlink()
    if in_place:
        report, _ = salvage_in_place(path, NOW)
        new = path
    else:
        new = Path(place("sqlite"))
        report = salvage(path, new, NOW)
    assert (report.files, report.lost_files) == (2, [])
    assert asyncio.run(content(str(new), "a")) == CONTENT


def test_a_salvaged_log_names_the_files_that_are_lost(place: Place) -> None:
    path = Path(place("sqlite"))
    asyncio.run(filled(str(path)))
    file_of(path).write_bytes(b"altered")
    report, _ = salvage_in_place(path, NOW)
    assert (report.files, report.lost_files) == (0, [reference().sha256])
