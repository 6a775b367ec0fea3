"""Requests, ids and headers that are made to break out of where they are put."""

import json
import os
import re
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crewai_hitl_nb.protocol import ids
from crewai_hitl_nb.server.describe.operations import OPERATIONS
from tests.hostile.raw import connected, request
from tests.jupyter_process import JupyterProcess

pytestmark = pytest.mark.usefixtures("unharmed")

MARK = "INJECTED"
GET = b"GET /crewai-hitl/%b HTTP/1.1"
POST = b"POST /crewai-hitl/%b HTTP/1.1"

IDS: dict[str, str] = {
    "a way up": "../../../etc/passwd",
    "a way up, encoded": "..%2f..%2f%2e%2e",
    "two points": "..",
    "one point": ".",
    "a slash": "a/b",
    "slashes only": "///",
    "a backslash": "..\\..\\x",
    "a line": f"a\n{MARK}",
    "a header": f"a\r\nSet-Cookie: {MARK}=1",
    "an event": f"a\n\ndata: {MARK}\n\n",
    "a NUL": "a\0b",
    "a bell and a colour": "\x07\x1b[31m",
    "separators of lines": "a\u2028b\u2029c\x85d",
    "a mark of direction": "a\u202eb\u200b",
    "a question": "a?b=c&d#e;f",
    "a percent": "%",
    "half an escape": "%zz%",
    "SQL": "'; DROP TABLE events; --",
    "a pattern": "%_*",
    "a script": "</script><script>alert(1)</script>",
    "a space": " ",
    "the longest": "é" * 200,
    "the longest, in other planes": "😀" * 200,
    "a number": "1e999",
    "a word of the routes": "answer",
}

ID_FIELDS = ("event_id", "request_id", "execution_id", "crew_id", "task_id")
GOOD_IDS = {what: name for what, name in IDS.items() if ids.complaint(name) is None}
BAD_IDS = {what: name for what, name in IDS.items() if what not in GOOD_IDS}

REQUESTS: dict[str, tuple[bytes, tuple[bytes, ...], bytes]] = {
    "no such method": (b"BREW /crewai-hitl/events HTTP/1.1", (), b""),
    "no such version": (b"GET /crewai-hitl/health HTTP/9.9", (), b""),
    "no version": (b"GET /crewai-hitl/health", (), b""),
    "a whole address": (b"GET http://elsewhere.example/crewai-hitl/health HTTP/1.1", (), b""),
    "a way up": (GET % b"../../etc/passwd", (), b""),
    "a way up, encoded": (GET % b"requests/..%2f..%2fetc", (), b""),
    "a NUL in the path": (GET % b"requests/%00", (), b""),
    "lines in the path": (GET % b"requests/x%0d%0aSet-Cookie:%20INJECTED=1", (), b""),
    "bytes in the path": (GET % b"requests/\xff\xfe", (), b""),
    "half an escape": (GET % b"poll/human-input/%", (), b""),
    "a path without end": (GET % (b"requests/" + b"a" * 60_000), (), b""),
    "a query without end": (GET % (b"requests?" + b"a=b&" * 15_000), (), b""),
    "a name again and again": (GET % (b"poll/human-input?" + b"type=x&" * 5000), (), b""),
    "bytes in the query": (GET % b"poll/human-input?last_event_id=%ff%fe&crew_id=%00", (), b""),
    "a negative length": (POST % b"events", (b"Content-Length: -1",), b""),
    "a length without end": (POST % b"events", (b"Content-Length: 99999999999999",), b""),
    "two lengths": (POST % b"events", (b"Content-Length: 2", b"Content-Length: 3"), b"{}x"),
    "a length and pieces": (
        POST % b"events",
        (b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        b"0\r\n\r\n",
    ),
    "a piece without end": (
        POST % b"events",
        (b"Transfer-Encoding: chunked",),
        b"ffffffffffffffff\r\n",
    ),
    "a piece that is no number": (
        POST % b"events",
        (b"Transfer-Encoding: chunked",),
        b"zz\r\n{}\r\n",
    ),
    "a way of sending that nobody knows": (
        POST % b"events",
        (b"Transfer-Encoding: sideways", b"Content-Length: 2"),
        b"{}",
    ),
    "squeezed": (
        POST % b"events",
        (b"Content-Encoding: gzip", b"Content-Length: 4"),
        b"\x1f\x8b\x08\x00",
    ),
    "a folded header": (GET % b"health", (b"Last-Event-ID: a", b" INJECTED"), b""),
    "a header with a bare line": (GET % b"health", (b"Last-Event-ID: a\nINJECTED: b",), b""),
    "a header with a NUL": (GET % b"poll/human-input", (b"Last-Event-ID: a\0b",), b""),
    "a header of bytes": (GET % b"poll/human-input", (b"Last-Event-ID: \xff\xfe",), b""),
    "a header without a name": (GET % b"health", (b": x",), b""),
    "a header without end": (GET % b"health", (b"X-Long: " + b"x" * 60_000,), b""),
    "headers without end": (GET % b"health", (b"X-Many: x",) * 5000, b""),
    "a right of bytes": (GET % b"requests", (b"Authorization: Bearer \xff\xfe\x80",), b""),
    "a right of no kind": (GET % b"requests", (b"Authorization: \t",), b""),
    "cookies of bytes": (GET % b"requests", (b'Cookie: a="\\377\\000; b=\xff; ;;=',), b""),
    "an origin that is no address": (GET % b"requests", (b"Origin: http://[::1",), b""),
    "a key of bytes": (
        POST % b"requests/x/answer",
        (b"Idempotency-Key: \xff\xfe", b"Content-Length: 2"),
        b"{}",
    ),
    "a key without end": (
        POST % b"requests/x/answer",
        (b"Idempotency-Key: " + b"k" * 5000, b"Content-Length: 2"),
        b"{}",
    ),
    "an upgrade to something else": (
        GET % b"ws/human-input",
        (b"Upgrade: h2c", b"Connection: Upgrade"),
        b"",
    ),
    "what it accepts without end": (
        GET % b"v1/crews/c/human-input-stream",
        (b"Accept: " + b"text/event-stream;q=0," * 2000,),
        b"",
    ),
    "an expectation": (
        POST % b"events",
        (b"Expect: 200-maybe", b"Content-Length: 2"),
        b"{}",
    ),
}


@pytest.mark.parametrize(("line", "headers", "body"), REQUESTS.values(), ids=REQUESTS)
def test_a_strange_request_is_refused_or_answered_and_breaks_nothing(
    server: JupyterProcess, line: bytes, headers: tuple[bytes, ...], body: bytes
) -> None:
    with connected(server) as raw:
        raw.send(request(server, line, *headers, b"Connection: close", body=body))
        head = raw.read(b"\r\n\r\n")
    if head:  # else it was closed without a word
        assert 200 <= int(head.split(b" ")[1]) < 500, head
    assert b"\nINJECTED" not in head
    assert b"\nSet-Cookie: INJECTED" not in head


def question_of(name: str) -> dict[str, object]:
    return {
        "type": "human_input_required",
        "prompt": name,
        **dict.fromkeys(ID_FIELDS, name),
        "source": {"notebook": name},
    }


@pytest.mark.parametrize("name", GOOD_IDS.values(), ids=GOOD_IDS)
def test_an_id_is_only_an_id_wherever_it_stands(http: httpx.Client, name: str) -> None:
    place = quote(name, safe="")
    http.post("events", json=question_of(name)).raise_for_status()
    assert http.get(f"requests/{place}").json()["request_id"] == name
    kept = http.get(f"poll/human-input/{place}").json()["events"]
    assert [event["event_id"] for event in kept] == [name]
    answered = http.post(f"requests/{place}/answer", json={"human_feedback": name})
    assert answered.json()["event"]["request_id"] == name
    found = http.get("requests", params={"execution_id": name, "crew_id": name})
    assert [request["request_id"] for request in found.json()["requests"]] == [name]
    after = http.get("poll/human-input", params={"last_event_id": name, "crew_id": name})
    assert "gap" not in after.json()


@pytest.mark.parametrize("name", BAD_IDS.values(), ids=BAD_IDS)
def test_what_is_no_id_is_refused_at_its_fields_and_breaks_out_of_nothing(
    http: httpx.Client, name: str
) -> None:
    refused = http.post("events", json=question_of(name))
    assert refused.status_code == 422
    assert {error["field"] for error in refused.json()["errors"]} == set(ID_FIELDS)
    found = http.get("requests", params={"execution_id": name})
    after = http.get("poll/human-input", params={"last_event_id": name})
    asked = http.get(f"requests/{quote(name, safe='')}")
    for reply in (refused, found, after, asked):
        assert reply.status_code < 500
        assert MARK not in "".join(f"{key}{value}" for key, value in reply.headers.items())


ODD = st.text(max_size=30) | st.sampled_from([*IDS.values(), "-1", "1e999", "nan", "9" * 5000, ""])
EXAMPLES = 500 if "SOAK" in os.environ else 60
PARAMETERS = sorted({p.name for operation in OPERATIONS.values() for p in operation.parameters})
HEADERS = (
    "Last-Event-ID",
    "Idempotency-Key",
    "Accept",
    "Origin",
    "Content-Type",
    "Cookie",
    "If-Match",
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    place=st.sampled_from([key for key, found in OPERATIONS.items() if not found.upgrades]),
    part=ODD,
    query=st.dictionaries(st.sampled_from(PARAMETERS) | st.text(max_size=8), ODD, max_size=5),
    headers=st.dictionaries(st.sampled_from(HEADERS), st.binary(max_size=30), max_size=3),
    body=st.none() | st.binary(max_size=30) | st.sampled_from([b"{}", b"[]", b"null", b"[{}]"]),
)
def test_any_parameters_and_headers_get_a_clear_answer_from_every_endpoint(
    http: httpx.Client,
    place: tuple[str, str],
    part: str,
    query: dict[str, str],
    headers: dict[str, bytes],
    body: bytes | None,
) -> None:
    method, path = place
    filled = re.sub(r"\{\w+\}", lambda _: quote(part or "x", safe=""), path).lstrip("/")
    clean = [
        (name.encode(), re.sub(rb"[\x00-\x20\x7f]", b"", value).strip())
        for name, value in headers.items()
    ]
    query = {**query, "timeout": "0"}  # what is held open is held to no answer
    with http.stream(method, filled, params=query, headers=clean, content=body) as reply:
        assert reply.status_code < 500
        if reply.status_code >= 400 and "json" in reply.headers.get("Content-Type", ""):
            assert json.loads(reply.read())["message"]


def test_nothing_that_is_sent_begins_a_line_of_the_log(
    server: JupyterProcess, http: httpx.Client
) -> None:
    lines = f"x\n{MARK} a\r{MARK} b\r\n{MARK} c\x85{MARK} d\u2028{MARK} e"
    place = quote(lines, safe="")
    event = {"type": lines, "event_id": lines, "execution_id": lines, "crew_id": lines}
    http.post("events", json=event)
    http.post("events", json={"type": "human_input_required", "prompt": lines, lines: lines})
    http.post("events", content=json.dumps({"type": lines})[:-1])
    http.post(f"requests/{place}/answer", json={"human_feedback": lines, "via": lines})
    http.post(f"requests/{place}/cancel", json={"reason": lines, "message": lines})
    http.get(f"poll/human-input/{place}", params={"last_event_id": lines, "replay": lines})
    http.get("requests", params={"status": lines, "cursor": lines})
    http.get(place, headers={"Referer": "http://x/%0a" + MARK, "User-Agent": quote(lines)})
    http.get("requests", headers={"Authorization": f"Bearer {quote(lines)}"})
    for line in server.log.read_text().splitlines():
        assert not line.lstrip().startswith(MARK)
        assert "\x1b" not in line
