"""What a hostile page reaches through the kernel behind its card: no more than the card shows.

The real relay, with a key that may do everything, and a real server; the page's part is played
by the messages that a front end can send.
"""

import json
import queue
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.widget.allow_list import Scope
from crewai_hitl_nb.widget.card import CardWidget
from crewai_hitl_nb.widget.relay import MAX_IN_PROGRESS, Relay, _thread
from crewai_hitl_nb.widget.script import CardScript
from tests.attacks.conftest import KEY

SECONDS = 15
BOSS = {"name": "the boss", "via": "widget"}


class Page:
    """A page that says what it likes."""

    def __init__(self, server: HumanInputServer, scope: Scope) -> None:
        self._heard: queue.Queue[dict[str, Any]] = queue.Queue()
        self.relay = Relay(lambda said: self._heard.put(dict(said)), lambda: scope, _to(server))

    def hear(self, kind: str) -> dict[str, Any]:
        while (said := self._heard.get(timeout=SECONDS))["kind"] != kind:
            pass
        return said

    def open(self, **query: Any) -> None:
        self.relay.take(
            {"kind": "open", "id": "s", "query": {"replay": "pending", "texts": "brief", **query}}
        )
        while self.frame()["type"] != "heartbeat":
            pass

    def frame(self, **said: Any) -> dict[str, Any]:
        """Send a frame up, if there is one, and return the next one down."""
        if said:
            self.relay.take({"kind": "frame", "id": "s", "text": json.dumps(said)})
        frame: dict[str, Any] = json.loads(self.hear("frame")["text"])
        return frame

    def reply(self, **said: Any) -> dict[str, Any]:
        """Send a frame up and return the reply."""
        frame = self.frame(**{"ref": "1", **said})
        while frame["type"] not in ("ack", "error"):
            frame = self.frame()
        return frame

    def call(self, method: str, path: str, body: object = None, **more: Any) -> tuple[int, Any]:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        said = {"method": method, "path": path, "body": text, **more}
        self.relay.take({"kind": "call", "id": "c", **said})
        reply = self.hear("reply")
        return reply["status"], json.loads(reply["body"] or "null")


def _to(server: HumanInputServer) -> Endpoint:
    return Endpoint(server.url, KEY)


def asked(owner: httpx.Client, **fields: Any) -> str:
    request_id = uuid.uuid4().hex
    question = {"type": "human_input_required", "request_id": request_id, "prompt": "Good?"}
    assert owner.post("/events", json={**question, **fields}).status_code == 200
    return request_id


def became(owner: httpx.Client, request_id: str) -> dict[str, Any]:
    found: dict[str, Any] = owner.get(f"/requests/{request_id}").json()
    return found


def on(page: Page) -> Iterator[Page]:
    yield page
    page.relay.close()


@pytest.fixture
def run() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def own(owner: httpx.Client, run: str) -> str:
    return asked(owner, execution_id=run)


@pytest.fixture
def other(owner: httpx.Client) -> str:
    return asked(owner, execution_id="another-run")


@pytest.fixture
def card(server: HumanInputServer, own: str, run: str) -> Iterator[Page]:
    yield from on(Page(server, Scope(request_id=own, execution_id=run)))


@pytest.fixture
def run_view(server: HumanInputServer, run: str) -> Iterator[Page]:
    yield from on(Page(server, Scope(execution_id=run, is_run=True, source_id="began-it")))


@pytest.fixture
def inbox(server: HumanInputServer) -> Iterator[Page]:
    yield from on(Page(server, Scope(is_inbox=True)))


def test_a_card_answers_and_claims_its_own_request(
    card: Page, owner: httpx.Client, own: str
) -> None:
    card.open()

    assert card.reply(type="claim", request_id=own, via="card")["type"] == "ack"
    said = {"human_feedback": "fine", "idempotency_key": "k"}
    assert card.reply(type="answer", request_id=own, via="card", **said)["type"] == "ack"
    assert became(owner, own)["completion"]["answered_by"]["via"] == "widget"


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "publish", "events": [{"type": "note"}]},
        {"type": "cancel"},
        {"type": "answer", "answered_by": BOSS},
        {"type": "answer", "via": "console"},
        {"type": "answer", "via": "default"},
        {"type": "answer", "via": ["card"]},
        {"type": "claim", "claimed_by": BOSS},
        {"type": ["answer"]},
        {"type": None},
    ],
    ids=json.dumps,
)
def test_no_other_frame_of_a_page_is_passed_on(
    card: Page, owner: httpx.Client, own: str, frame: dict[str, Any]
) -> None:
    card.open()

    refusal = card.reply(request_id=own, **frame)
    assert (refusal["type"], refusal["status"], refusal["ref"]) == ("error", 403, "1")
    assert became(owner, own)["status"] == "pending"


@pytest.mark.parametrize("kind", ["answer", "claim"])
def test_a_card_is_no_way_to_another_request(
    card: Page, owner: httpx.Client, other: str, kind: str
) -> None:
    card.open()

    assert card.reply(type=kind, request_id=other)["status"] == 403
    assert card.call("POST", f"requests/{other}/{kind}", {})[0] == 403
    assert card.call("GET", f"requests/{other}")[0] == 403
    found = became(owner, other)
    assert (found["status"], found["claimed_by"]) == ("pending", None)


def test_a_card_hears_of_its_own_run_only(
    card: Page, owner: httpx.Client, own: str, other: str
) -> None:
    card.open()
    owner.post(f"/requests/{other}/answer", json={"human_feedback": "hidden"})
    owner.post(f"/requests/{own}/answer", json={"human_feedback": "seen"})

    assert card.frame()["human_feedback"] == "seen"


def test_a_card_whose_question_belongs_to_no_run_hears_of_that_question_only(
    server: HumanInputServer, owner: httpx.Client
) -> None:
    own, other = asked(owner), asked(owner)
    for page in on(Page(server, Scope(request_id=own))):
        page.relay.take({"kind": "open", "id": "s", "query": {"replay": "all"}})
        assert page.frame()["request_id"] == own
        assert page.frame()["type"] == "heartbeat"
        owner.post(f"/requests/{other}/answer", json={"human_feedback": "hidden"})
        assert page.reply(type="claim", request_id=other)["status"] == 403
        owner.post("/events", json={"type": "note", "text": "hidden"})
        owner.post(f"/requests/{own}/answer", json={"human_feedback": "seen"})
        assert page.frame()["human_feedback"] == "seen"


def test_frames_that_are_under_way_have_a_bound(run_view: Page, own: str) -> None:
    run_view.open()
    free = threading.Event()

    async def hold() -> None:  # the relay's loop, so that all frames come in one moment
        free.wait(SECONDS)

    _thread().submit(hold())
    count = 3 * MAX_IN_PROGRESS
    for ref in range(count):
        frame = {"type": "claim", "ref": str(ref), "request_id": own}
        run_view.relay.take({"kind": "frame", "id": "s", "text": json.dumps(frame)})
    free.set()
    replies: list[dict[str, Any]] = []
    while len(replies) < count:  # events and heartbeats come between them
        replies += [frame for frame in [run_view.frame()] if "ref" in frame]
    refused = [reply for reply in replies if reply["type"] == "error"]
    assert {reply["status"] for reply in refused} == {429}
    assert len(refused) == count - MAX_IN_PROGRESS
    assert run_view.reply(type="claim", request_id=own)["type"] == "ack"


@pytest.mark.parametrize(
    "query",
    [
        {"source": "a-kernel"},
        {"token": "t"},
        {"limit": "1"},
        {"replay": ["all"]},
        {"type": "x" * 10_000},
        {"last_event_id": {"a": 1}},
    ],
    ids=lambda query: next(iter(query)),
)
def test_a_stream_takes_no_other_parameter(
    card: Page, owner: httpx.Client, query: dict[str, Any]
) -> None:
    card.relay.take({"kind": "open", "id": "s", "query": query})

    assert card.hear("ended")["status"] in (400, 403)
    assert owner.get("/sources/a-kernel").json()["present"] is False


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "events"),
        ("GET", "requests"),
        ("GET", "requests/"),
        ("POST", "requests/../events"),
        ("POST", "requests/%2e%2e/events"),
        ("POST", "requests/..%2fevents"),
        ("POST", "requests/OWN/cancel"),
        ("POST", "requests/OWN/answer/"),
        ("POST", "requests/OWN%2Fcancel"),
        ("POST", "requests/OWN/answer?source=a-kernel"),
        ("POST", "requests/OWN%3F/answer"),
        ("GET", "requests/OWN?token=t"),
        ("GET", "requests/OWN/../../health"),
        ("GET", "/requests/OWN"),
        ("GET", "//example.org/requests/OWN"),
        ("GET", "http://127.0.0.1:1/requests/OWN"),
        ("GET", "poll/human-input/another-run?replay=all"),
        ("GET", "poll/human-input?replay=all"),
        ("GET", "sources/a-kernel"),
        ("DELETE", "requests/OWN"),
        ("get", "requests/OWN"),
        ("GET", "requests/OWN#x"),
        ("GET", "requests/" + "%2e" * 50_000),
        ("GET ", "requests/OWN"),
    ],
)
def test_no_other_call_of_a_page_is_made(
    card: Page, owner: httpx.Client, own: str, method: str, path: str
) -> None:
    status, _ = card.call(method, path.replace("OWN", own), {})

    assert status in (400, 403)
    assert became(owner, own)["status"] == "pending"


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{", "[" * 100_000, '{"a":' * 100_000, "x" * (limits.MAX_EVENT_BYTES + 1), None],
    ids=["nothing", "a list", "broken", "lists in lists", "objects in objects", "huge", "none"],
)
def test_a_body_that_is_none_is_refused(
    card: Page, owner: httpx.Client, own: str, body: str | None
) -> None:
    assert card.call("POST", f"requests/{own}/answer", body)[0] in (400, 413)
    assert became(owner, own)["status"] == "pending"


@pytest.mark.parametrize("key", ["a\r\nX-Other: b", "", "é", "k" * 300, 5, ["k"]])
def test_a_key_is_no_way_to_other_headers(
    card: Page, owner: httpx.Client, own: str, key: object
) -> None:
    said = {"headers": {"X-CrewAI-HITL-Person": "the boss"}}
    assert card.call("POST", f"requests/{own}/answer", {}, key=key, **said)[0] == 400
    assert became(owner, own)["status"] == "pending"


@pytest.mark.parametrize(
    "message",
    [
        None,
        "open",
        [{"kind": "open"}],
        {},
        {"kind": "open", "id": 1, "query": {}},
        {"kind": "open", "id": "s" * 10_000, "query": {}},
        {"kind": "open", "id": "s", "query": "source=x"},
        {"kind": "frame", "id": "s", "text": 5},
        {"kind": "frame", "id": "unknown", "text": "{}"},
        {"kind": "call", "id": "c", "method": ["GET"], "path": "requests"},
        {"kind": "close", "id": "unknown"},
    ],
)
def test_a_message_that_is_none_changes_nothing(card: Page, own: str, message: object) -> None:
    card.relay.take(message)

    assert card.call("GET", f"requests/{own}")[1]["status"] == "pending"


def test_a_run_view_reads_and_stops_its_run_and_answers_its_questions(
    run_view: Page, owner: httpx.Client, own: str, run: str
) -> None:
    run_view.open()

    assert (
        run_view.call("GET", f"poll/human-input/{run}?replay=all&limit=500&texts=brief")[0] == 200
    )
    assert run_view.call("GET", f"requests/{own}")[0] == 200
    assert run_view.call("GET", "sources/began-it")[0] == 200
    wish = {"type": "run_cancel_requested", "execution_id": run, "via": "card"}
    assert run_view.call("POST", "events", wish)[0] == 200
    said = {"human_feedback": "fine", "via": "card"}
    assert run_view.reply(type="answer", request_id=own, **said)["type"] == "ack"


@pytest.mark.parametrize(
    "wish",
    [
        {"type": "run_cancel_requested", "execution_id": "another-run"},
        {"type": "run_finished", "execution_id": "RUN"},
        {"type": "run_cancel_requested", "execution_id": "RUN", "request_id": "x"},
        [{"type": "run_cancel_requested", "execution_id": "RUN"}],
    ],
)
def test_a_run_view_is_no_way_to_another_run(
    run_view: Page, owner: httpx.Client, other: str, run: str, wish: object
) -> None:
    run_view.open()

    text = json.dumps(wish).replace("RUN", run)
    assert run_view.call("POST", "events", text)[0] in (400, 403)
    assert run_view.call("GET", "poll/human-input/another-run?replay=all")[0] == 403
    assert run_view.call("GET", f"poll/human-input/{run}?source=a-kernel")[0] == 403
    assert run_view.call("GET", "sources/a-kernel")[0] == 403
    assert run_view.call("GET", f"requests/{other}")[0] == 403
    assert run_view.call("POST", f"requests/{other}/answer", {})[0] == 403
    assert run_view.reply(type="answer", request_id=other)["status"] == 403
    assert became(owner, other)["status"] == "pending"


def test_the_inbox_answers_every_request_and_does_nothing_else(
    inbox: Page, owner: httpx.Client, own: str, other: str, run: str
) -> None:
    inbox.open()

    said = {"human_feedback": "fine", "via": "inbox"}
    assert inbox.reply(type="answer", request_id=own, **said)["type"] == "ack"
    assert inbox.call("POST", f"requests/{other}/answer", said)[0] == 200
    assert inbox.reply(type="cancel", request_id=other)["status"] == 403
    assert inbox.call("GET", f"poll/human-input/{run}?replay=all")[0] == 403
    wish = {"type": "run_cancel_requested", "execution_id": run}
    assert inbox.call("POST", "events", wish)[0] == 403


def test_a_page_that_opens_a_stream_again_has_one(card: Page, own: str) -> None:
    for _ in range(20):
        card.open()

    assert card.reply(type="claim", request_id=own)["type"] == "ack"


def test_a_page_can_change_neither_what_its_widget_shows_nor_the_script() -> None:
    widget = CardWidget(request={"request_id": "own", "event": {"request_id": "own"}})
    code = widget.script.code
    widget.set_state({"mode": "inbox", "request": {"request_id": "other"}, "via": "console"})
    CardScript.set_state(widget.script, {"code": "evil()"})

    assert (widget.mode, widget.request["request_id"], widget.via) == ("card", "own", "widget")
    assert widget.script.code == code
