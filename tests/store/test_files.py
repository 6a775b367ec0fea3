"""Files of requests are kept once, as long as an event refers to them, and not lost meanwhile."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import (
    FilesFull,
    InvalidAnswer,
    InvalidEvent,
    NotFound,
    StoreUnavailable,
    TooLarge,
    TooMany,
)
from crewai_hitl_nb.protocol.events import HumanInputCompleted, HumanInputRequired
from crewai_hitl_nb.protocol.files import FILE, FileReference
from crewai_hitl_nb.store.blob_folder import BlobFolder, folder_of, hash_of
from crewai_hitl_nb.store.files import Upload
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.sqlite import files as sqlite_files
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import completed, required
from tests.store.conftest import Clock, MakeStore, Opened

pytestmark = pytest.mark.asyncio

CONTENT = b"place,sold\nLisbon,3\n"


def reference(content: bytes = CONTENT) -> FileReference:
    return FileReference(
        name="sales.csv", media_type="text/csv", size=len(content), sha256=hash_of(content)
    )


def upload(request_id: str, content: bytes = CONTENT, by: str = "ada") -> Upload:
    return Upload(request_id=request_id, sha256=hash_of(content), content=content, by=by)


def question(request_id: str, *files: FileReference) -> HumanInputRequired:
    """Return a question with files in its context."""
    attached = {
        f"file-{number}": {FILE: msgspec.to_builtins(file)} for number, file in enumerate(files, 1)
    }
    return msgspec.structs.replace(required(request_id), attachments=attached)


def answer(request_id: str, *files: FileReference) -> HumanInputCompleted:
    values: dict[str, Any] = {"scans": [msgspec.to_builtins(file) for file in files]}
    return msgspec.structs.replace(completed(request_id, ""), values=values)


async def test_a_file_that_was_uploaded_is_read_again(opened: Opened) -> None:
    await opened.store.files.put(upload("a"))
    await opened.store.append([question("a", reference())])
    assert await opened.store.files.content("a", reference().sha256) == CONTENT


async def test_an_empty_file_is_a_file(opened: Opened) -> None:
    await opened.store.files.put(upload("a", b""))
    await opened.store.append([question("a", reference(b""))])
    assert await opened.store.files.content("a", hash_of(b"")) == b""


async def test_a_question_whose_file_was_not_uploaded_is_not_stored(opened: Opened) -> None:
    with pytest.raises(InvalidEvent, match=r"attachments.file-1.*was not uploaded"):
        await opened.store.append([question("a", reference())])
    assert await opened.store.request("a") is None


async def test_an_answer_whose_file_was_not_uploaded_leaves_the_request_open(
    opened: Opened,
) -> None:
    await opened.store.files.put(upload("a"))
    await opened.store.append([required("a")])
    with pytest.raises(InvalidAnswer, match=r"values.scans.1.*upload it again"):
        await opened.store.append([answer("a", reference(), reference(b"another"))])
    request = await opened.store.request("a")
    assert request is not None
    assert request.status == "pending"
    await opened.store.append([answer("a", reference())])


async def test_a_file_of_another_request_is_not_one_of_this_request(opened: Opened) -> None:
    await opened.store.files.put(upload("a"))
    with pytest.raises(InvalidEvent):
        await opened.store.append([question("b", reference())])


async def test_a_file_of_another_size_than_its_reference_says_is_refused(opened: Opened) -> None:
    await opened.store.files.put(upload("a"))
    wrong = msgspec.structs.replace(reference(), size=1)
    with pytest.raises(InvalidEvent):
        await opened.store.append([question("a", wrong)])


async def test_a_batch_is_refused_as_a_whole_for_a_file_that_is_missing(opened: Opened) -> None:
    await opened.store.files.put(upload("a"))
    with pytest.raises(InvalidEvent):
        await opened.store.append([question("a", reference()), question("b", reference())])
    assert (opened.store.top, opened.seen) == (0, [])
    opened.clock.now += 60.0
    assert await opened.store.files.sweep() == 0  # the one that is there waits for its question
    await opened.store.append([question("a", reference())])


async def test_an_event_that_is_sent_again_needs_no_file(opened: Opened) -> None:
    await opened.store.files.put(upload("a"))
    event = question("a", reference())
    await opened.store.append([event])
    await opened.store.append([completed("a", "yes")])
    await opened.store.prune(keep=99, before=0.0)
    (again,) = await opened.store.append([event])
    assert again.duplicate


async def test_a_file_that_no_event_refers_to_goes_after_a_while(opened: Opened) -> None:
    await opened.store.files.put(upload("a"))
    opened.clock.now += limits.UNUSED_FILE_SECONDS - 1.0
    assert await opened.store.files.sweep() == 0
    opened.clock.now += 2.0
    assert await opened.store.files.sweep() == 1
    with pytest.raises(InvalidEvent, match="more than 24 hours ago"):
        await opened.store.append([question("a", reference())])


async def test_uploading_a_file_again_gives_it_another_while(opened: Opened) -> None:
    await opened.store.files.put(upload("a"))
    opened.clock.now += limits.UNUSED_FILE_SECONDS - 1.0
    await opened.store.files.put(upload("a"))
    opened.clock.now += 2.0
    assert await opened.store.files.sweep() == 0


async def test_a_file_lives_as_long_as_its_request(opened: Opened) -> None:
    await opened.store.files.put(upload("a"))
    await opened.store.append([required("a")])
    await opened.store.append([answer("a", reference())])
    opened.clock.now += 1e6
    assert await opened.store.files.sweep() == 0
    assert await opened.store.files.content("a", reference().sha256) == CONTENT
    await opened.store.prune(keep=0, before=0.0)
    assert await opened.store.files.sweep() == 1
    with pytest.raises(NotFound):
        await opened.store.files.content("a", reference().sha256)


async def test_a_content_goes_with_the_last_request_that_has_it(opened: Opened) -> None:
    for name in ("a", "b"):
        await opened.store.files.put(upload(name))
        await opened.store.append([question(name, reference())])
    await opened.store.append([completed("a", "yes")])
    await opened.store.prune(keep=0, before=0.0)
    assert await opened.store.files.sweep() == 1
    assert await opened.store.files.content("b", reference().sha256) == CONTENT


async def test_a_request_has_room_for_some_files_only(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_FILES_PER_REQUEST", 2)
    monkeypatch.setattr(limits, "MAX_FILES_BYTES_PER_REQUEST", 10)
    await opened.store.files.put(upload("a", b"123456"))
    with pytest.raises(TooLarge, match="at most 10 bytes together"):
        await opened.store.files.put(upload("a", b"12345"))
    await opened.store.files.put(upload("a", b"1"))
    await opened.store.files.put(upload("a", b"1"))  # the same one again
    with pytest.raises(TooLarge, match="at most 2 files"):
        await opened.store.files.put(upload("a", b"2"))
    await opened.store.files.put(upload("b", b"2"))


async def test_uploading_alone_takes_nobody_else_the_room(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_UNUSED_BYTES_PER_CALLER", 10)
    await opened.store.files.put(upload("a", b"123456"))
    with pytest.raises(TooMany, match="send those first"):
        await opened.store.files.put(upload("b", b"12345"))
    await opened.store.files.put(upload("b", b"12345", by="grace"))
    await opened.store.append([question("a", reference(b"123456"))])
    await opened.store.files.put(upload("c", b"12345"))
    monkeypatch.setattr(limits, "MAX_UNUSED_FILES_PER_CALLER", 1)
    with pytest.raises(TooMany):
        await opened.store.files.put(upload("d", b"1"))


async def test_a_log_has_room_for_some_bytes_of_files_only(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAX_FILES_BYTES", "MAX_FILES_BYTES_IN_MEMORY"):
        monkeypatch.setattr(limits, name, 10)
    await opened.store.files.put(upload("a", b"123456"))
    await opened.store.files.put(upload("b", b"123456"))  # is there already
    with pytest.raises(FilesFull, match=r"take 6 bytes, and 10 bytes is the most"):
        await opened.store.files.put(upload("c", b"12345"))
    opened.clock.now += 1e6
    await opened.store.files.sweep()
    await opened.store.files.put(upload("c", b"12345"))


async def test_sweeps_uploads_and_questions_at_once_lose_no_file(make_store: MakeStore) -> None:
    """Each content is uploaded by many and swept again and again, with no time to wait."""
    store = make_store(Clock())
    await store.start(lambda commits: None)
    contents = [bytes([65 + number]) * 1000 for number in range(3)]

    async def sweep() -> None:
        for _ in range(40):
            await store.files.sweep(unused_seconds=-1.0)  # whatever no event refers to, at once
            await asyncio.sleep(0)  # a store in memory never yields by itself

    async def ask(number: int) -> None:
        name, content = f"r{number}", contents[number % 3]
        while True:
            await store.files.put(upload(name, content, by=name))
            await asyncio.sleep(0)
            try:
                await store.append([question(name, reference(content))])
            except InvalidEvent:
                continue  # it was swept between the two, and nothing was stored
            return

    await asyncio.gather(sweep(), *map(ask, range(30)))
    for number in range(30):
        content = contents[number % 3]
        assert await store.files.content(f"r{number}", hash_of(content)) == content
    await store.close()


async def test_files_outlive_their_server(make_durable: MakeStore) -> None:
    first, second = make_durable(), make_durable()
    await first.start(lambda commits: None)
    await first.files.put(upload("a"))
    await first.append([question("a", reference())])
    await first.close()
    await second.start(lambda commits: None)
    await second.files.sweep()
    assert await second.files.content("a", reference().sha256) == CONTENT
    await second.close()


# ---- beside a SQLite log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


async def started(path: Path) -> MetadataStore:
    store = SqliteStore(path, Clock())
    await store.start(lambda commits: None)
    return store


def file_of(path: Path, content: bytes = CONTENT) -> Path:
    return folder_of(path) / hash_of(content)[:2] / hash_of(content)


async def test_a_log_without_files_has_no_folder_for_them(path: Path) -> None:
    store = await started(path)
    await store.append([required("a")])
    await store.files.sweep()
    await store.close()
    assert not folder_of(path).exists()


async def test_nobody_else_may_read_the_folder_of_files(path: Path) -> None:
    store = await started(path)
    await store.files.put(upload("a"))
    await store.close()
    modes = [one.stat().st_mode & 0o777 for one in sorted(folder_of(path).rglob("*"))]
    assert (folder_of(path).stat().st_mode & 0o777, modes) == (0o700, [0o700, 0o600])


async def test_a_content_that_was_changed_on_the_disk_is_not_sent(path: Path) -> None:
    store = await started(path)
    await store.files.put(upload("a"))
    file_of(path).write_bytes(CONTENT.replace(b"3", b"4"))
    with pytest.raises(NotFound, match="removed or changed on the server"):
        await store.files.content("a", reference().sha256)
    await store.files.put(upload("a"))  # uploading it again restores it
    assert await store.files.content("a", reference().sha256) == CONTENT
    await store.close()


async def test_a_crash_between_content_and_row_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await started(path)
    await store.files.put(upload("a", b"stays"))

    def crash(*arguments: object) -> None:
        raise sqlite3.OperationalError("the power failed")

    with monkeypatch.context() as crashing:
        crashing.setattr(sqlite_files, "_INSERT", "INSERT INTO nothing VALUES (?, ?, ?, ?, ?)")
        with pytest.raises(StoreUnavailable):
            await store.files.put(upload("a"))
    assert file_of(path).exists()
    await store.files.sweep()
    assert not file_of(path).exists()
    assert file_of(path, b"stays").exists()
    await store.close()


async def test_an_upload_that_a_crash_cut_off_is_removed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await started(path)
    folder = BlobFolder(folder_of(path))
    left = folder.write(CONTENT)
    await store.files.sweep()
    assert left.exists()  # it may be under way
    monkeypatch.setattr("crewai_hitl_nb.store.blob_folder._UNDER_WAY_SECONDS", -1.0)
    await store.files.sweep()
    assert not left.exists()
    await store.close()


async def test_a_commit_that_fails_takes_no_content_away(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await started(path)
    await store.files.put(upload("a"))
    with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
        monkeypatch.setattr(sqlite_files, "_SPENT", "DELETE FROM files WHERE nonsense < :before")
        with pytest.raises(StoreUnavailable):
            await store.files.sweep(unused_seconds=-1.0)
        assert blocker.execute("SELECT count(*) FROM files").fetchone() == (1,)
    assert await store.files.content("a", reference().sha256) == CONTENT
    await store.close()


async def test_a_log_that_begins_anew_has_none_of_the_files_of_the_one_before(path: Path) -> None:
    store = await started(path)
    await store.files.put(upload("a"))
    await store.append([question("a", reference())])
    await store.close()
    await asyncio.to_thread(path.unlink)
    store = await started(path)
    with pytest.raises(InvalidEvent):
        await store.append([question("a", reference())])
    await store.files.sweep()
    assert not file_of(path).exists()
    await store.close()


@pytest.mark.parametrize("kind", ["link", "file"])
async def test_what_somebody_else_put_in_place_of_the_folder_is_not_used(
    path: Path, tmp_path: Path, kind: str
) -> None:
    store = await started(path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "link":
        folder_of(path).symlink_to(elsewhere)
    else:
        folder_of(path).write_text("")
    with pytest.raises(StoreUnavailable, match="is not a folder; remove it"):
        await store.files.put(upload("a"))
    assert list(elsewhere.iterdir()) == []
    await store.close()


async def test_a_content_that_is_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    store = await started(path)
    await store.files.put(upload("a"))
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    file_of(path).unlink()
    file_of(path).symlink_to(secret)
    with pytest.raises(StoreUnavailable, match="is a link"):
        await store.files.content("a", reference().sha256)
    await store.close()
