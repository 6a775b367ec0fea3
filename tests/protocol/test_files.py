"""What an event says about a file, and what becomes of the names that people give."""

from typing import Any

import msgspec
import pytest

from crewai_hitl_nb.protocol.errors import InvalidEvent
from crewai_hitl_nb.protocol.files import (
    ANY_BYTES,
    FILE,
    FileReference,
    clean_media_type,
    clean_name,
    files_of,
    is_accepted,
    reference_from_wire,
    size_text,
)
from crewai_hitl_nb.protocol.schema import check_form
from tests.events import completed, other, required

REFERENCE = {"name": "sales.csv", "media_type": "text/csv", "size": 12345, "sha256": "9f" * 32}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("sales.csv", "sales.csv"),
        ("/home/ada/sales.csv", "sales.csv"),
        ("C:\\data\\sales.csv", "sales.csv"),
        ("Screenshot 9.41\u202fAM.png", "Screenshot 9.41 AM.png"),
        ("Gro\u0308\u00dfe.txt", "Größe.txt"),
        ("  a  b .txt", "a b .txt"),
        ("", "file"),
        ("...", "file"),
        ("n" * 300, "n" * 255),
        ("a." + "n" * 300, "a." + "n" * 253),
        ("\u6587" * 100 + ".csv", "\u6587" * 83 + ".csv"),
    ],
)
def test_a_name_keeps_what_people_see_of_it(said: str, kept: str) -> None:
    assert clean_name(said) == kept
    assert clean_name(kept) == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("text/csv; charset=utf-8", "text/csv"),
        ("Image/PNG", "image/png"),
        ("", ANY_BYTES),
        ("text", ANY_BYTES),
        ("text/html\nX: y", ANY_BYTES),
    ],
)
def test_a_media_type_is_two_words(said: str, kept: str) -> None:
    assert clean_media_type(said) == kept


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 KB"),
        (1550, "1.5 KB"),
        (12345, "12 KB"),
        (999_999, "999 KB"),
        (8 << 20, "8.3 MB"),
        (4 << 30, "4.2 GB"),
    ],
)
def test_a_size_is_said_in_a_few_digits(size: int, said: str) -> None:
    assert size_text(size) == said


def test_a_reference_is_shown_by_its_name_and_its_size() -> None:
    assert str(reference_from_wire(REFERENCE)) == "sales.csv (12 KB)"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a/b"},
        {"name": ""},
        {"size": -1},
        {"size": 1 << 40},
        {"size": "12"},
        {"sha256": "9F" * 32},
        {"sha256": "9f" * 32 + "\n"},
        {"media_type": "text/csv\n"},
        {"media_type": "csv"},
        {"more": 1},
    ],
)
def test_a_reference_that_an_upload_could_not_have_made_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidEvent, match=r"attachments\.f"):
        required("a", attachments={"f": {FILE: {**REFERENCE, **wrong}}})


def test_the_files_of_an_event_are_those_of_its_context_its_default_and_its_values() -> None:
    values = {"receipt": REFERENCE, "stops": [{"scans": [REFERENCE, {"name": "no file"}]}]}
    attachments = {"file-1": {FILE: REFERENCE}, "table-1": {"text/csv": REFERENCE}}
    response = {"default": {"values": {"receipt": REFERENCE}}, "on_expiry": "default"}
    asked = required("a", attachments=attachments, response=response)
    assert [where for where, _ in files_of(asked)] == [
        "attachments.file-1",
        "response.default.values.receipt",
    ]
    answered = msgspec.structs.replace(completed("a"), values=values)
    assert [where for where, _ in files_of(answered)] == [
        "values.receipt",
        "values.stops.0.scans.0",
    ]
    assert list(files_of(other(values=values))) == []


@pytest.mark.parametrize(
    ("kinds", "fits"),
    [
        ([".CSV"], True),
        (["text/csv"], True),
        (["text/*"], True),
        ([".xlsx", "image/*"], False),
        (["text/c"], False),
    ],
)
def test_a_kind_of_files_is_an_ending_or_a_media_type(kinds: list[str], fits: bool) -> None:
    assert is_accepted(msgspec.convert(REFERENCE, FileReference), kinds) is fits


FILE_FIELD = {"type": "object", "format": "file"}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ({**FILE_FIELD, "format": "files"}, "format"),
        ({**FILE_FIELD, "properties": {}}, "properties"),
        ({**FILE_FIELD, "default": REFERENCE}, "default"),
        ({**FILE_FIELD, "readOnly": True}, "readOnly"),
        ({**FILE_FIELD, "accept": []}, "accept"),
        ({**FILE_FIELD, "accept": ["csv"]}, "accept"),
        ({**FILE_FIELD, "accept": ".csv"}, "accept"),
        ({**FILE_FIELD, "maxBytes": -1}, "maxBytes"),
        ({"type": "string", "format": "file"}, "format"),
        ({"type": "array", "items": FILE_FIELD, "default": []}, "default"),
        ({"type": "array", "items": {**FILE_FIELD, "default": REFERENCE}}, "items.default"),
    ],
)
def test_a_form_that_asks_wrongly_for_a_file_is_refused(field: Any, wrong: str) -> None:
    with pytest.raises(InvalidEvent, match=rf"response.schema.properties.it.{wrong}"):
        check_form({"type": "object", "properties": {"it": field}})


def test_a_form_asks_for_files_at_every_level() -> None:
    part: dict[str, Any] = {"type": "object", "properties": {"it": FILE_FIELD}}
    for _ in range(4):
        part = {"type": "object", "properties": {"part": part}}
    check_form(part)
    scans = {"type": "array", "items": FILE_FIELD, "minItems": 1, "maxItems": 3, "title": "Scans"}
    check_form({"type": "object", "properties": {"scans": scans}})
