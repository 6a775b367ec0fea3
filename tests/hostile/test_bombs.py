"""Small words that cost much to read: each is refused, or read in a moment."""

import json
from typing import Any

import httpx
import pytest

from crewai_hitl_nb.protocol import limits
from tests.jupyter_process import JupyterProcess
from tests.server.door import Json

POSTS = ("events", "requests/q/answer", "requests/q/claim", "requests/q/cancel", "resume")
DEEP = 10_000

JSON_BOMBS: dict[str, str | bytes] = {
    "lists in lists": "[" * DEEP + "]" * DEEP,
    "objects in objects": '{"type":' * DEEP + "1" + "}" * DEEP,
    "an open end": "[" * DEEP,
    "what one decoder can just read": '{"type":"note","x":' + "[" * 900 + "]" * 900 + "}",
    "a number of six thousand digits": '{"type":"note","x":' + "9" * 6000 + "}",
    "an exponent out of range": '{"type":"note","x":1e999999999}',
    "NaN": '{"type":"note","x":NaN}',
    "Infinity": '{"type":"note","x":-Infinity}',
    "half a surrogate": '{"type":"note","x":"\\ud800"}',
    "half a surrogate in an id": '{"type":"note","event_id":"\\udc00x"}',
    "a surrogate as bytes": b'{"type":"note","x":"\xed\xa0\x80"}',
    "another encoding": '{"type":"note"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"type":"note"}',
}

JSON_ODDITIES: dict[str, str] = {
    "a name twice": '{"type":"note","type":"other"}',
    "a NUL in a text": '{"type":"note","said":"odd\\u0000text"}',
    "lines in a text": json.dumps({"type": "note", "said": "a\r\nevent: heartbeat\r\ndata: {}\n"}),
    "a number of four thousand digits": '{"type":"note","x":' + "9" * 4000 + "}",
    "a number next to nothing": '{"type":"note","x":1e-999999999}',
    "names without end": json.dumps({"type": "note", **{f"n{i}": 0 for i in range(20_000)}}),
}

MANY = [f"v{i}" for i in range(1000)]


def form(**properties: Any) -> Json:
    return {"type": "object", "properties": properties}


def nested(levels: int) -> Json:
    return form(a=nested(levels - 1)) if levels else {"type": "string"}


def listed(levels: int) -> Json:
    return {"type": "array", "items": listed(levels - 1) if levels else {"type": "string"}}


REFUSED_FORMS: dict[str, Json] = {
    "a regular expression that never ends": form(a={"type": "string", "pattern": "(a+)+$"}),
    "names by a regular expression": {"type": "object", "patternProperties": {"(a+)+$": {}}},
    "a reference to itself": {"$ref": "#"},
    "a field that is itself": form(a={"$ref": "#/properties/a"}),
    "definitions in a circle": {
        **form(a={"type": "string"}),
        "$defs": {"x": {"$ref": "#/$defs/x"}},
    },
    "an address to fetch": form(a={"$ref": "http://127.0.0.1:1/schema.json"}),
    "a dynamic reference": form(a={"$dynamicRef": "#a"}),
    "forms in forms": form(a={"type": "object", "properties": {}}),
    "all of many": {**form(a={"type": "string"}), "allOf": [{}] * 1000},
    "choices without end": form(a={"type": "string", "enum": [f"v{i}" for i in range(60_000)]}),
    "multiple choices without end": form(
        a={"type": "array", "items": {"enum": [f"v{i}" for i in range(60_000)]}}
    ),
    "fields without end": form(**{f"p{i}": {"type": "string"} for i in range(5000)}),
    "the same field needed again and again": {
        **form(a={"type": "string"}),
        "required": ["a"] * 90_000,
    },
    "fields of parts without end": form(
        **{f"p{i}": form(**{f"q{j}": {"type": "string"} for j in range(90)}) for i in range(90)}
    ),
    "parts without end": form(a=nested(10)),
    "lists without end": form(a=listed(10)),
    "types without end": form(a={"type": ["string", "integer"] * 5000}),
    "a name without end": form(**{"x" * 100_000: {"type": "string"}}),
}

TAKEN_FORMS: dict[str, tuple[Json, Json]] = {
    "many choices of many": (
        form(
            **{
                f"p{i}": {"type": "array", "uniqueItems": True, "items": {"enum": MANY}}
                for i in range(80)
            }
        ),
        {f"p{i}": MANY[:100] * 10 for i in range(80)},
    ),
    "choices that are no texts": (
        form(a={"type": "array", "uniqueItems": True, "items": {"enum": ["x"]}}),
        {"a": [{"k": i} for i in range(20_000)]},
    ),
    "values that no field has": (form(a={"type": "string"}), {f"x{i}": 0 for i in range(50_000)}),
    "a text without end as an email": (
        form(a={"type": "string", "format": "email"}),
        {"a": "a" * 500_000},
    ),
    "a text without end as an address": (
        form(a={"type": "string", "format": "uri"}),
        {"a": " http://" + "a." * 200_000},
    ),
    "a text without end as a time": (
        form(a={"type": "string", "format": "date-time"}),
        {"a": "2020-01-01T00:00:00" + "0" * 500_000},
    ),
    "a number without end": (form(a={"type": "integer", "maximum": 5}), {"a": 10**4000}),
    "rows of rows without end": (
        form(a=listed(3)),
        {"a": [[[["x"] * 40] * 40] * 40]},
    ),
    "a decimal without end": (
        form(a={"type": "string", "format": "decimal", "minimum": 0}),
        {"a": "1" * 500_000},
    ),
    "a decimal that is huge": (
        form(a={"type": "string", "format": "decimal", "maximum": 0}),
        {"a": "1e9999"},
    ),
    "a length that no text has": (form(a={"type": "string", "minLength": 10**18}), {"a": "x"}),
}


BODY = 3_000_000

HEAVY: dict[str, bytes] = {
    "lists": b"[" + b"[]," * (BODY // 3) + b"{}]",
    "objects": b'{"type":"note","x":[' + b'{"a":{}},' * (BODY // 9) + b"0]}",
    "numbers": b'{"type":"note","x":[' + b"1," * (BODY // 2) + b"1]}",
    "texts": b'{"type":"note","x":[' + b'"",' * (BODY // 3) + b'""]}',
    "events": b"[%b]" % b",".join([b'{"type":"note","x":[%b0]}' % (b"[]," * 1000)] * 900),
    "no JSON": b"[" + b"[]," * (BODY // 3),
}
"""A decoder makes a million values of each."""

LONG: dict[str, str] = {
    "a table": "1,2,[3],{4}\n" * 30_000,
    "code": 'print("\\", [{}], "[,{")\n' * 20_000,
}

pytestmark = pytest.mark.usefixtures("unharmed")


@pytest.mark.parametrize("body", HEAVY.values(), ids=HEAVY)
def test_a_body_of_very_many_values_is_refused_before_one_is_made(
    http: httpx.Client, body: bytes
) -> None:
    reply = http.post("events", content=body)
    assert (reply.status_code, reply.json()["error"]) == (413, "too_large")
    assert str(limits.MAX_JSON_VALUES) in reply.json()["message"]


@pytest.mark.parametrize("body", JSON_BOMBS.values(), ids=JSON_BOMBS)
def test_json_that_cannot_be_read_by_everybody_is_read_by_nobody(
    http: httpx.Client, body: str | bytes
) -> None:
    for path in POSTS:
        reply = http.post(path, content=body)
        assert reply.status_code == 400
        assert reply.json()["error"] == "bad_json"
        assert len(reply.content) < 1000


@pytest.mark.parametrize("body", JSON_ODDITIES.values(), ids=JSON_ODDITIES)
def test_odd_json_is_kept_as_it_is_and_read_by_every_transport(
    http: httpx.Client, body: str
) -> None:
    (placed,) = http.post("events", content=body).raise_for_status().json()["events"]
    kept = http.get("poll/human-input", params={"limit": 1000}).json()["events"]
    assert placed["event_id"] in [event["event_id"] for event in kept]
    with http.stream("GET", "events/human-input", params={"replay": "all"}) as stream:
        names = set()
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            assert name in ("", "id", "data", "retry", "event")
            if line == "event: heartbeat":
                break  # it stands for no event: the replay is over
            if name == "data":
                names.add(json.loads(value)["event_id"])
    assert placed["event_id"] in names


@pytest.mark.parametrize("schema", REFUSED_FORMS.values(), ids=REFUSED_FORMS)
def test_a_form_that_costs_much_is_no_form(http: httpx.Client, schema: Json) -> None:
    reply = http.post("events", json=asked("refused", schema))
    assert reply.status_code == 422
    assert reply.json()["field"].startswith("response.schema")
    assert http.get("requests/refused").status_code == 404


@pytest.mark.parametrize(("schema", "values"), TAKEN_FORMS.values(), ids=TAKEN_FORMS)
def test_an_answer_that_costs_much_is_refused_in_a_moment_and_the_request_stays_open(
    server: JupyterProcess, http: httpx.Client, schema: Json, values: Json
) -> None:
    request_id = f"costly-{abs(hash(str(schema)))}"
    http.post("events", json=asked(request_id, schema)).raise_for_status()
    reply = http.post(f"requests/{request_id}/answer", json={"values": values})
    assert reply.status_code == 422
    assert len(reply.content) < 200_000
    assert http.get(f"requests/{request_id}").json()["status"] == "pending"
    http.post(f"requests/{request_id}/cancel", json={}).raise_for_status()


def test_wrong_options_without_end_are_named_in_few_words(http: httpx.Client) -> None:
    options = [f"{i:03}" + "o" * 900 for i in range(200)]
    response = {"decisions": ["respond"], "multiple": True, "options": options}
    question = {**asked("options", None), "response": response}
    http.post("events", json=question).raise_for_status()
    for wrong in (["x"] * 200, ["x"] * 90_000):
        reply = http.post("requests/options/answer", json={"options": wrong})
        assert reply.status_code == 422
        assert len(reply.content) < 500_000


def test_a_body_over_the_limit_is_refused_before_it_is_read(http: httpx.Client) -> None:
    reply = http.post("events", content=b'{"type":"note","x":"' + b"x" * (9 << 20) + b'"}')
    assert reply.status_code == 413


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_long_text_is_one_value_whatever_stands_in_it(http: httpx.Client, text: str) -> None:
    reply = http.post("events", json={"type": "note", "x": text})
    assert reply.status_code == 200


def asked(request_id: str, schema: Json | None) -> Json:
    return {
        "type": "human_input_required",
        "request_id": request_id,
        "prompt": "Good?",
        "response": {"decisions": ["respond"], "schema": schema},
    }
