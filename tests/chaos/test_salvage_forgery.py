"""Salvage of a log that somebody changed: what nothing proves is named, and no copy is lost."""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.store.sqlite.salvage import Salvaged, salvage, salvage_in_place
from tests.chaos.logs import fill
from tests.events import NOON

FORGED = 20
"""Where the answer to the third question stands."""

TRUE_TEXT, FORGED_TEXT = b"the answer to 3", b"the answer to 4"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    asyncio.run(fill(path))
    return path


def forge(path: Path, *statements: tuple[str, Sequence[object]]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement, values in statements:
            connection.execute(statement, values)


def row(path: Path, offset: int) -> tuple[bytes, bytes]:
    with closing(sqlite3.connect(path)) as connection:
        body, seal = connection.execute(
            "SELECT body, seal FROM events WHERE offset = ?", (offset,)
        ).fetchone()
    return bytes(body), bytes(seal)


def forged_body(path: Path) -> bytes:
    return row(path, FORGED)[0].replace(TRUE_TEXT, FORGED_TEXT)


def salvaged(path: Path) -> Salvaged:
    return salvage(path, path.with_name("new.db"), NOON)


def test_of_a_sound_log_everything_is_verified(path: Path) -> None:
    report = salvaged(path)
    assert (report.changed, report.unverified, report.lost) == ([], [], [])


def test_what_stands_behind_pruned_records_is_verified_by_what_they_left(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        offset, body, seal = connection.execute(
            "SELECT offset, body, seal FROM events WHERE request_id IS NULL LIMIT 1"
        ).fetchone()
        connection.execute("DELETE FROM events WHERE offset = ?", (offset,))
        connection.execute(
            "INSERT INTO pruned VALUES (?, ?, ?)", (offset, chain.digest(bytes(body)), seal)
        )
    report = salvaged(path)
    assert (report.changed, report.unverified) == ([], [])


def test_a_forged_answer_without_a_seal_is_named(path: Path) -> None:
    update = "UPDATE events SET body = ?, seal = NULL WHERE offset = ?"
    forge(path, (update, (forged_body(path), FORGED)))
    report = salvaged(path)
    assert report.unverified == [FORGED, FORGED + 1]
    assert report.changed == []


def test_a_forged_answer_without_a_neighbour_is_named(path: Path) -> None:
    update = "UPDATE events SET body = ? WHERE offset = ?"
    gone = "DELETE FROM events WHERE offset = ?"
    forge(path, (update, (forged_body(path), FORGED)), (gone, (FORGED - 1,)))
    report = salvaged(path)
    assert FORGED in report.unverified


def test_an_answer_that_was_added_at_the_end_is_named(path: Path) -> None:
    copy = (
        "INSERT INTO events SELECT ?, 'forged', 'note', NULL, NULL, NULL, stored_at,"
        " CAST(? AS BLOB), NULL FROM events LIMIT 1"
    )
    body = b'{"type":"note","event_id":"forged","timestamp":"2026-11-22T12:00:00Z","offset":61}'
    forge(path, (copy, (61, body)))
    assert salvaged(path).unverified == [61]


def test_an_answer_that_was_forged_and_sealed_anew_is_not_taken_for_the_right_one(
    path: Path,
) -> None:
    body = forged_body(path)
    seal = chain.sealed(row(path, FORGED - 1)[1], body)
    update = "UPDATE events SET body = ?, seal = ? WHERE offset = ?"
    forge(path, (update, (body, seal, FORGED)))
    report = salvaged(path)
    assert report.unverified == [FORGED]
    assert report.changed == [FORGED + 1]  # one of the two: both are named


def test_a_wrong_seal_and_the_record_behind_it_are_both_named(path: Path) -> None:
    gone = "DELETE FROM events WHERE offset = ?"
    update = "UPDATE events SET seal = zeroblob(32) WHERE offset = ?"
    forge(path, (gone, (FORGED - 2,)), (update, (FORGED - 1,)))
    report = salvaged(path)
    assert report.changed == [FORGED]
    assert FORGED - 1 in report.unverified


def test_two_salvages_in_one_second_keep_both_damaged_logs(path: Path) -> None:
    first = path.read_bytes()
    _, one = salvage_in_place(path, NOON)
    second = path.read_bytes()
    _, two = salvage_in_place(path, NOON)
    assert one != two
    assert (one.read_bytes(), two.read_bytes()) == (first, second)


def test_a_copy_takes_no_others_place_where_files_have_one_name_only(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("this file system has no second names")

    monkeypatch.setattr("os.link", refuse)
    test_two_salvages_in_one_second_keep_both_damaged_logs(path)


def test_salvages_at_the_same_time_keep_every_copy(path: Path) -> None:
    first = path.read_bytes()

    def run(_: int) -> Path | None:
        try:
            return salvage_in_place(path, NOON)[1]
        except HitlError:  # another one holds the log
            return None

    with ThreadPoolExecutor(4) as pool:
        copies = [copy for copy in pool.map(run, range(8)) if copy is not None]
    assert len(set(copies)) == len(copies) >= 1
    assert first in [copy.read_bytes() for copy in copies]
