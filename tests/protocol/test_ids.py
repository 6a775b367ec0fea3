"""Which ids are refused where they are new, and that older ones stay readable and answerable."""

import re
from typing import Any

import msgspec
import pytest

from crewai_hitl_nb.client.http import segment
from crewai_hitl_nb.protocol import ids, limits
from crewai_hitl_nb.protocol.answer import answer_from_wire
from crewai_hitl_nb.protocol.errors import InvalidAnswer, InvalidEvent
from crewai_hitl_nb.protocol.events import HumanInputCancelled, HumanInputRequired
from crewai_hitl_nb.protocol.frames import sse_event
from crewai_hitl_nb.protocol.wire import event_from_wire, stored_event
from tests.broker.test_broker import broker_on
from tests.events import NOON, required

BAD = {
    "a point": ".",
    "two points": "..",
    "a space before": " x",
    "a space behind": "x ",
    "only a space": " ",
    "NUL": "a\0b",
    "a line feed": "a\nb",
    "a carriage return": "a\rb",
    "a tab": "a\tb",
    "an escape": "a\x1bb",
    "C1": "a\x9bb",
    "delete": "a\x7fb",
    "a hard space": "a\u00a0b",
    "an ideographic space": "\u3000",
    "a soft hyphen": "a\u00adb",
    "a zero-width space": "a\u200bb",
    "a zero-width joiner": "a\u200db",
    "a mark of direction": "a\u200eb",
    "an override of direction": "a\u202eb",
    "an isolate": "a\u2066b",
    "a line separator": "a\u2028b",
    "a paragraph separator": "a\u2029b",
    "a byte order mark": "\ufeffa",
    "a tag": "a\U000e0041b",
    "a variation selector": "a\ufe0fb",
    "a filler": "a\u3164b",
    "a blank": "a\u2800b",
    "half of a pair": "a\ud800b",
    "for private use": "a\ue000b",
    "no character": "a\uffffb",
}
GOOD = (
    "019a1b2c-0000-7000-8000-000000000000",
    "run 7",
    "a/b",
    "../x",
    "...",
    "größer",
    "日本語",
    "🎉",
    "cafe\u0301",
    "$(x) `y` 'z' \"q\" <b> & % # ? ; \\",
    "x" * 200,
)
PLACES = ("event_id", "execution_id", "crew_id", "task_id", "agent_id", "request_id")
bad = pytest.mark.parametrize("value", BAD.values(), ids=BAD)


@bad
def test_a_bad_id_is_refused_with_the_reason(value: str) -> None:
    assert ids.complaint(value) is not None


@pytest.mark.parametrize("value", GOOD)
def test_a_good_id_is_taken(value: str) -> None:
    assert ids.complaint(value) is None
    assert re.search(ids.PATTERN, value)


@bad
def test_the_pattern_of_the_documents_refuses_what_the_server_refuses(value: str) -> None:
    refused = not re.search(ids.PATTERN, value)
    assert refused or "\ue000" in value or "\U000e0041" in value  # which it cannot say in few words


@bad
@pytest.mark.parametrize("place", [*PLACES, "source.id", "source.kernel_id", "pause.flow_id"])
def test_a_question_with_a_bad_id_is_refused_at_its_field(place: str, value: str) -> None:
    outer, _, inner = place.partition(".")
    other = {"flow_class": "m.F"} if outer == "pause" else {}
    raw = {
        "type": "human_input_required",
        "prompt": "?",
        outer: {inner: value, **other} if inner else value,
    }
    with pytest.raises(InvalidEvent) as refused:
        event_from_wire(raw, event_id="e", now=NOON)
    assert [error.field for error in refused.value.errors] == [place]
    assert refused.value.status == 422


@pytest.mark.parametrize("place", PLACES)
def test_an_event_of_an_unknown_type_is_held_to_it_too(place: str) -> None:
    with pytest.raises(InvalidEvent):
        event_from_wire({"type": "note", place: " x"}, event_id="e", now=NOON)


@pytest.mark.parametrize("place", [*PLACES, "source.id", "source.kernel_id", "pause.flow_id"])
def test_no_event_has_an_id_that_is_longer_than_ids_are(place: str) -> None:
    """The server remembers whose process a `source.id` is: a text of a megabyte is no name."""
    outer, _, inner = place.partition(".")
    long = "x" * (limits.MAX_ID_CHARS + 1)
    raw = {"type": "run_started", outer: {inner: long} if inner else long}
    with pytest.raises(InvalidEvent) as refused:
        event_from_wire(raw, event_id="e", now=NOON)
    assert [error.field for error in refused.value.errors] == [place]


@bad
def test_an_idempotency_key_is_held_to_it_too(value: str) -> None:
    with pytest.raises(InvalidAnswer):
        answer_from_wire({"idempotency_key": value})


@pytest.mark.parametrize("value", [" x", "x ", "a\nb", "a\rb", "a\0b", "a\ud800b"])
def test_an_older_id_that_does_not_survive_a_header_is_no_place_to_resume_from(value: str) -> None:
    assert sse_event(value, b"{}") == b"data: {}\n\n"


def test_an_id_in_an_address_is_one_part_of_it() -> None:
    said = [segment(value) for value in (".", "..", "a/b", "../x", "a b", "ä", "%2F", "?#")]
    assert said == ["%2E", "%2E%2E", "a%2Fb", "..%2Fx", "a%20b", "%C3%A4", "%252F", "%3F%23"]


def _older(request_id: str) -> HumanInputRequired:
    """Return a question as an older version let it into the log."""
    raw: dict[str, Any] = msgspec.to_builtins(required("r1", execution_id="run"))
    event = stored_event({**raw, "request_id": request_id, "execution_id": " run "})
    assert isinstance(event, HumanInputRequired)
    return event


@pytest.mark.asyncio
@pytest.mark.parametrize("request_id", ["..", " x ", "a\u200bb"])
async def test_what_an_older_version_stored_is_read_and_closed_by_its_own_ids(
    request_id: str,
) -> None:
    async with broker_on() as broker:
        await broker.publish([_older(request_id)])
        assert (await broker.request(request_id)).status == "pending"
        ending = {"type": "human_input_cancelled", "reason": "withdrawn", "request_id": request_id}
        named = {**ending, "execution_id": " other "}
        wrong = event_from_wire(named, event_id="e1", now=NOON)
        with pytest.raises(InvalidEvent, match="is not the execution_id"):
            await broker.publish([wrong])
        event = event_from_wire({**ending, "execution_id": " run "}, event_id="e2", now=NOON)
        assert isinstance(event, HumanInputCancelled)
        await broker.publish([event])
        assert (await broker.request(request_id)).status == "cancelled"
