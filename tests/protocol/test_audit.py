"""The audit, pure: whatever is done to a trail is found and named, and nothing else is."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.audit.verification import Verdict, verify
from crewai_hitl_nb.protocol.wire import encode_event, event_from_wire
from tests.events import other

EPOCH = "e-1"


def trail(records: int = 6, pruned: tuple[int, ...] = (), *, complete: bool = True) -> list[bytes]:
    """Return the lines of a trail of so many records."""
    place = chain.start(EPOCH)
    lines = [line("begin", place, version=1, epoch=EPOCH, complete=complete)]
    for offset in range(1, records + 1):
        event = {
            "type": "note",
            "event_id": f"n{offset}",
            "said": "Grüße 🐘 \\ \u2028",
            "offset": offset,
        }
        body = msgspec.json.encode(event)
        before = place.seal.hex()
        place = Head(offset, chain.sealed(place.seal, body))
        digest = chain.digest(body).hex()
        said: dict[str, Any] = {"digest": digest} if offset in pruned else {"event": event}
        lines.append(line("record", place, **said, **({} if complete else {"before": before})))
    return [*lines, line("head", place)]


def line(kind: str, place: Head, **more: object) -> bytes:
    said = {"type": f"audit_{kind}", "offset": place.offset, "seal": place.seal.hex(), **more}
    return msgspec.json.encode(said)


def found(verdict: Verdict) -> list[tuple[str, int | None]]:
    return [(problem.what, problem.offset) for problem in verdict.problems]


def test_a_trail_as_it_was_exported_is_whole() -> None:
    verdict = verify(trail(6))
    assert found(verdict) == []
    assert (verdict.records, verdict.pruned, verdict.complete, verdict.epoch) == (6, 0, True, EPOCH)
    assert verdict.begin == chain.start(EPOCH)
    assert verdict.head is not None
    assert verdict.head.offset == 6


def test_an_empty_log_is_whole() -> None:
    assert found(verify(trail(0))) == []


def test_pruned_records_are_held_by_their_digest() -> None:
    verdict = verify(trail(6, pruned=(2, 3)))
    assert (found(verdict), verdict.records, verdict.pruned) == ([], 4, 2)


@pytest.mark.parametrize("place", range(1, 7))
def test_a_changed_record_is_named(place: int) -> None:
    lines = trail(6)
    lines[place] = lines[place].replace(b"Gr\xc3\xbc\xc3\x9fe", b"Thanks")
    assert found(verify(lines)) == [("changed", place)]


@pytest.mark.parametrize("place", range(1, 6))
def test_a_record_that_was_sealed_anew_gives_itself_away_at_the_next(place: int) -> None:
    lines = trail(6)
    record = json.loads(lines[place])
    record["event"]["said"] = "Something else"
    before = bytes.fromhex(json.loads(lines[place - 1])["seal"])
    record["seal"] = chain.sealed(before, msgspec.json.encode(record["event"])).hex()
    lines[place] = msgspec.json.encode(record)
    verdict = verify(lines)
    assert found(verdict) == [("changed", place + 1)]
    assert f"(or the seal of record {place} before it" in verdict.problems[0].message


@pytest.mark.parametrize("place", range(1, 6))
def test_a_missing_record_is_named(place: int) -> None:
    lines = trail(6)
    del lines[place]
    assert found(verify(lines)) == [("missing", place)]


def test_several_missing_records_are_named_together() -> None:
    lines = trail(6)
    del lines[2:5]
    verdict = verify(lines)
    assert [problem.message for problem in verdict.problems] == ["records 2 to 4 are missing"]


def test_a_moved_record_is_named_and_is_not_missing() -> None:
    lines = trail(6)
    lines[3], lines[4] = lines[4], lines[3]
    assert found(verify(lines)) == [("moved", 3)]


def test_a_record_that_stands_there_twice_is_named() -> None:
    lines = trail(6)
    lines.insert(4, lines[3])
    assert found(verify(lines)) == [("moved", 3)]


def test_a_trail_without_its_end_is_cut() -> None:
    assert found(verify(trail(6)[:-1])) == [("cut", None)]
    assert found(verify(trail(6)[:-3])) == [("cut", None)]


def test_records_that_are_missing_at_the_end_are_counted() -> None:
    lines = trail(6)
    del lines[5:7]
    verdict = verify(lines)
    assert found(verdict) == [("cut", 6)]
    assert "records 5 to 6" in verdict.problems[0].message


def test_a_trail_without_its_beginning_is_cut() -> None:
    assert ("cut", None) in found(verify(trail(6)[1:]))


def test_what_was_added_behind_the_end_is_named() -> None:
    assert found(verify([*trail(6), trail(7)[7]])) == [("added", None)]


def test_a_line_that_is_none_is_named() -> None:
    lines = trail(3)
    lines.insert(2, b"{not json")
    lines.insert(3, b'{"type":"audit_record","offset":2,"seal":"no hex"}')
    assert found(verify(lines)) == [("unreadable", None), ("unreadable", None)]


def test_another_logs_beginning_is_foreign() -> None:
    lines = trail(3)
    lines[0] = lines[0].replace(b'"e-1"', b'"e-2"')
    assert found(verify(lines)) == [("foreign", None)]


def test_a_log_that_was_made_anew_from_one_end_to_the_other_is_only_found_by_a_kept_head() -> None:
    kept = verify(trail(4)).head
    assert kept is not None
    forged = trail(0)[:1]
    place = chain.start(EPOCH)
    for offset in range(1, 7):
        event = {"type": "note", "event_id": f"n{offset}", "said": "forged", "offset": offset}
        place = Head(offset, chain.sealed(place.seal, msgspec.json.encode(event)))
        forged.append(line("record", place, event=event))
    forged.append(line("head", place))
    assert found(verify(forged)) == []
    assert found(verify(forged, [kept])) == [("foreign", 4)]
    assert found(verify(trail(6), [kept])) == []


def test_a_kept_head_that_the_trail_does_not_reach_is_named() -> None:
    kept = verify(trail(6)).head
    assert kept is not None
    assert found(verify(trail(4), [kept])) == [("missing", 6)]


def test_a_trail_of_a_part_vouches_for_each_record_that_it_has() -> None:
    lines = trail(6, complete=False)
    del lines[2], lines[3]
    verdict = verify(lines)
    assert (found(verdict), verdict.complete, verdict.records) == ([], False, 4)
    lines[2] = lines[2].replace(b"Gr\xc3\xbc\xc3\x9fe", b"Thanks")
    assert [what for what, _ in found(verify(lines))] == ["changed"]


def test_a_tool_that_writes_json_otherwise_does_no_harm() -> None:
    lines = [json.dumps(json.loads(raw), indent=None).encode() for raw in trail(6, pruned=(2,))]
    assert lines != trail(6, pruned=(2,))
    assert found(verify(lines)) == []


def test_a_hostile_gap_costs_no_memory() -> None:
    lines = trail(2)
    lines[2] = lines[2].replace(b'"offset":2', b'"offset":999999999999')
    verdict = verify(lines)
    assert ("missing", 2) in found(verdict)
    assert len(verdict.problems) <= 3


def test_a_head_is_written_and_read_alike() -> None:
    head = chain.start("x")
    assert Head.from_text(f"  {head}\n") == head
    for wrong in ("", "12", "12:", "12:ff", "-1:" + "0" * 64, "x:" + "0" * 64):
        with pytest.raises(ValueError, match="give OFFSET:SEAL"):
            Head.from_text(wrong)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["context", "x", "données"]), json_values, max_size=3))
def test_an_event_decoded_and_encoded_again_is_what_was_stored(fields: dict[str, Any]) -> None:
    now = other().timestamp
    event = event_from_wire({"type": "note", **fields}, event_id="e1", now=now)
    body = encode_event(msgspec.structs.replace(event, offset=7))
    assert msgspec.json.encode(msgspec.json.decode(body)) == body
