"""The golden files that the Python and the TypeScript half share."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crewai_hitl_nb.protocol import form_values, frames, schema, search, state
from crewai_hitl_nb.protocol.errors import InvalidEvent
from crewai_hitl_nb.protocol.events import UnknownEvent
from crewai_hitl_nb.protocol.wire import encode_event, stored_event

FIXTURES = Path(__file__).parent.parent / "fixtures"
FOLDS = json.loads((FIXTURES / "folds.json").read_text())
FORMS = json.loads((FIXTURES / "forms.json").read_text())
FRAMES = json.loads((FIXTURES / "frames.json").read_text())
SEARCHES = json.loads((FIXTURES / "searches.json").read_text())


def _of(kind: str) -> list[Any]:
    return [pytest.param(f["frame"], id=f["name"]) for f in FRAMES if f["kind"] == kind]


@pytest.mark.parametrize("golden", [pytest.param(f, id=f["name"]) for f in FOLDS])
def test_a_fold_of_the_golden_events_gives_the_golden_requests(golden: dict[str, Any]) -> None:
    requests = state.fold(stored_event(raw) for raw in golden["events"])
    assert [
        {
            "request_id": request_id,
            "status": request.status,
            "claimed_by": msgspec.to_builtins(request.claimed_by),
            "completion_id": request.completion.event_id if request.completion else None,
        }
        for request_id, request in requests.items()
    ] == golden["requests"]


@pytest.mark.parametrize("golden", [pytest.param(f, id=f["message"]) for f in FORMS])
def test_a_wrong_value_of_a_form_is_explained_in_the_golden_words(golden: dict[str, Any]) -> None:
    form = {"type": "object", "properties": {"it": golden["property"]}}
    schema.check_form(form)
    errors = form_values.form_errors(form, {"it": golden["value"]})
    assert [error.message for error in errors] == [golden["message"]]


@pytest.mark.parametrize("golden", [pytest.param(s, id=s["name"]) for s in SEARCHES])
def test_a_request_is_found_by_what_people_wrote_and_read(golden: dict[str, Any]) -> None:
    (request,) = state.fold(stored_event(raw) for raw in golden["events"]).values()
    for text in golden["found"]:
        assert search.is_found(request, search.words_of(text)), text
    for text in golden["missed"]:
        assert not search.is_found(request, search.words_of(text)), text


@pytest.mark.parametrize("frame", _of("event"))
def test_a_known_event_survives_decode_and_encode(frame: dict[str, Any]) -> None:
    encoded = json.loads(encode_event(stored_event(frame)))
    frame.pop("mood", None)
    assert {key: encoded[key] for key in frame} == frame


@pytest.mark.parametrize("frame", _of("unknown"))
def test_an_unknown_type_passes_through_unchanged(frame: dict[str, Any]) -> None:
    event = stored_event(frame)
    assert isinstance(event, UnknownEvent)
    assert json.loads(encode_event(event)) == frame


@pytest.mark.parametrize("frame", _of("invalid"))
def test_an_invalid_event_is_refused(frame: object) -> None:
    with pytest.raises(InvalidEvent):
        stored_event(frame)


@pytest.mark.parametrize("frame", [f for f in _of("control") if f.id != "error"])
def test_a_control_frame_has_its_type(frame: dict[str, Any]) -> None:
    decoded = msgspec.convert(frame, frames.DownFrame)
    assert json.loads(frames.encode_frame(decoded)) == frame
