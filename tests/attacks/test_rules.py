"""A process tries to allow its own calls: no key that asks can make a rule, or write one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.conftest import KEY, Serve, caller
from tests.attacks.theft import Json

EVERYTHING = ["read", "publish", "answer"]
PAGE = {"Origin": "", "Sec-Fetch-Site": "same-origin"}
ALLOW: Json = {"decision": "approve", "rule": "run"}


def gated(request_id: str, **fields: Any) -> Json:
    return {
        "type": "human_input_required",
        "request_id": request_id,
        "prompt": "May Clerk call send?",
        "kind": "tool_approval",
        "execution_id": "run-1",
        "source": {"notebook": "a.ipynb", "agent_role": "Clerk"},
        "response": {"decisions": ["approve", "reject"]},
        "call": {"tool": "send", "arguments": "{}"},
        **fields,
    }


class Hall:
    """A server with people and crews, each with their key."""

    def __init__(self, server: HumanInputServer, keyring: Keyring) -> None:
        self.server = server
        self._keyring = keyring

    def key(self, name: str, rights: list[Any] = EVERYTHING, **limits: Any) -> httpx.Client:
        now = datetime(2026, 11, 22, tzinfo=timezone.utc)
        _, key = self._keyring.add(name, rights, now, **limits)
        return caller(self.server.url, key)

    def change(self, name: str, **fields: Any) -> None:
        """Edit the entry of a person's key in the file, as an operator does."""
        path = self._keyring._path
        body = json.loads(path.read_text())
        for key in body["keys"]:
            key.update(fields if key["name"] == name else {})
        path.write_text(json.dumps(body))

    def revoke(self, name: str) -> None:
        """Take a person's key away."""
        (key,) = (one for one in self._keyring.all() if one.name == name)
        assert self._keyring.revoke(key.id)

    @contextmanager
    def page(self, key: str = KEY) -> Iterator[httpx.Client]:
        """Return a browser that opened the page with a key."""
        with httpx.Client(base_url=self.server.url, timeout=15) as http:
            assert http.get("", params={"token": key}, follow_redirects=True).status_code == 200
            origin = str(httpx.URL(self.server.url).copy_with(path="")).rstrip("/")
            http.headers.update({"X-XSRFToken": http.cookies["_xsrf"], "Origin": origin})
            yield http


@pytest.fixture
def hall(serve: Serve, tmp_path: Path) -> Hall:
    path = tmp_path / "keys.json"
    return Hall(serve(api_key=KEY, keys_file=path), Keyring(path))


def status(http: httpx.Client, request_id: str) -> str:
    return str(http.get(f"requests/{request_id}").json()["status"])


def ask(http: httpx.Client, request_id: str, **fields: Any) -> str:
    """Ask, and return how the question stands when another one was read after it."""
    http.post("events", json=gated(request_id, **fields)).raise_for_status()
    for _ in range(3):
        http.get("rules")
    return status(http, request_id)


def test_the_key_that_asks_cannot_make_a_rule_but_another_persons_can(hall: Hall) -> None:
    with hall.key("crew") as crew, hall.key("ada") as ada:
        ask(crew, "q1")
        refused = crew.post("requests/q1/answer", json=ALLOW)
        assert (refused.status_code, status(ada, "q1")) == (403, "pending")
        assert "leave `rule` out" in refused.json()["message"]
        reply = ada.post("requests/q1/answer", json=ALLOW)
        assert reply.status_code == 200
        assert reply.json()["event"]["rule"]["tool"] == "send"
        assert ask(crew, "q2") == "answered"
        completion = crew.get("requests/q2").json()["completion"]
        assert completion["answered_by"] == {"name": "ada", "via": "rule"}
        assert completion["by_rule"] == reply.json()["event"]["event_id"]


def test_one_key_for_all_makes_rules_on_the_page_only(hall: Hall) -> None:
    with caller(hall.server.url, KEY) as crew, hall.page() as page:
        ask(crew, "q1")
        for headers in ({}, PAGE, {"Origin": hall.server.url}):
            reply = crew.post("requests/q1/answer", json=ALLOW, headers=headers)
            assert reply.status_code == 403, headers
        assert page.post("requests/q1/answer", json=ALLOW).status_code == 200
        assert ask(crew, "q2") == "answered"


def test_the_key_that_asks_makes_no_rule_as_a_page_either(hall: Hall) -> None:
    with hall.key("crew") as crew, hall.key("ada") as ada:
        ask(crew, "q1")
        keys = (http.headers["Authorization"].removeprefix("Bearer ") for http in (crew, ada))
        with hall.page(next(keys)) as forged, hall.page(next(keys)) as page:
            assert forged.post("requests/q1/answer", json=ALLOW).status_code == 403
            assert status(crew, "q1") == "pending"
            assert page.post("requests/q1/answer", json=ALLOW).status_code == 200


@pytest.mark.parametrize("way", ["answer", "revoke"])
def test_who_may_not_answer_may_not_make_or_end_a_rule(hall: Hall, way: str) -> None:
    with (
        hall.key("crew", ["read", "publish"]) as crew,
        hall.key("reader", ["read"]) as reader,
        hall.key("ada") as ada,
    ):
        ask(crew, "q1")
        for http in (crew, reader):
            assert http.post("requests/q1/answer", json=ALLOW).status_code == 403
        event = ada.post("requests/q1/answer", json=ALLOW).json()["event"]
        for http in (crew, reader):
            assert http.post(f"rules/{event['event_id']}/revoke").status_code == 403
        assert ask(crew, "q2") == "answered"
        assert ada.post(f"rules/{event['event_id']}/revoke").status_code == 200
        assert ask(crew, "q3") == "pending"


RULE: Json = {"scope": "run", "tool": "send", "asker": "me", "hours": 9999}
FORGED: list[Json] = [
    {"type": "human_input_completed", "request_id": "q1", "decision": "approve", "rule": RULE},
    {"type": "human_input_completed", "decision": "approve", "rule": RULE},
    {"type": "human_input_completed", "request_id": "q1", "decision": "approve", "by_rule": "r"},
    {
        "type": "human_input_completed",
        "request_id": "q1",
        "decision": "approve",
        "answered_by": {"name": "ada", "via": "rule"},
    },
    {"type": "human_input_rule_made", "rule": RULE},
    {"type": "human_input_rule_revoked", "rule_id": "r"},
    {"type": "ｈuman_input_rule_revoked", "rule_id": "r"},
]


@pytest.mark.parametrize("forged", FORGED)
def test_no_key_can_publish_a_rule_or_the_end_of_one(hall: Hall, forged: Json) -> None:
    with hall.key("crew") as crew, caller(hall.server.url, KEY) as owner:
        ask(crew, "q1")
        for http in (crew, owner):
            for body in (forged, [gated("q9"), forged]):
                assert http.post("events", json=body).status_code == 422, body
        assert status(crew, "q1") == "pending"
        assert owner.get("rules").json() == {"rules": []}
        assert crew.get("requests/q9").status_code == 404


@pytest.mark.parametrize("rule", ["everything", "", 1, ["run"], {"scope": "run"}, "RUN"])
def test_a_rule_that_is_none_of_the_three_is_refused(hall: Hall, rule: object) -> None:
    with hall.key("crew") as crew, hall.key("ada") as ada:
        ask(crew, "q1")
        reply = ada.post("requests/q1/answer", json={**ALLOW, "rule": rule})
        assert (reply.status_code, reply.json()["field"]) == (422, "rule")
        assert status(crew, "q1") == "pending"


def test_another_publisher_gains_nothing_from_a_rule_whose_names_it_borrows(hall: Hall) -> None:
    with hall.key("crew") as crew, hall.key("other") as other, hall.key("ada") as ada:
        ask(crew, "q1")
        ask(crew, "q2", execution_id="run-2")
        for request_id, rule in (("q1", "run"), ("q2", "notebook")):
            body = {**ALLOW, "rule": rule}
            ada.post(f"requests/{request_id}/answer", json=body).raise_for_status()
        assert ask(other, "q3") == "pending"
        assert ask(other, "q4", execution_id="run-4") == "pending"
        assert ask(crew, "q5") == "answered"
        assert ask(crew, "q6", execution_id="run-4") == "answered"


def test_a_rule_ends_with_the_key_of_the_person_who_made_it(hall: Hall) -> None:
    with hall.key("crew") as crew, hall.key("ada") as ada, caller(hall.server.url, KEY) as owner:
        ask(crew, "q1")
        ada.post("requests/q1/answer", json=ALLOW).raise_for_status()
        assert ask(crew, "q2") == "answered"
        hall.revoke("ada")
        assert ask(crew, "q3") == "pending"
        assert owner.get("rules").json() == {"rules": []}


LIMITED: list[tuple[str, Json, Json, Json]] = [
    ("notebook", {"executions": ["run-1"]}, {}, {"execution_id": "run-2"}),
    ("run", {"crews": ["crew-A"]}, {"crew_id": "crew-A"}, {"crew_id": "crew-B"}),
    ("arguments", {"crews": ["crew-A"]}, {"crew_id": "crew-A"}, {"crew_id": None}),
]


@pytest.mark.parametrize(("rule", "limits", "inside", "outside"), LIMITED)
def test_the_rule_of_a_limited_key_allows_no_call_that_it_could_not_answer(
    hall: Hall, rule: str, limits: Json, inside: Json, outside: Json
) -> None:
    with hall.key("crew") as crew, hall.key("ada", **limits) as ada:
        ask(crew, "q1", **inside)
        body = {**ALLOW, "rule": rule}
        ada.post("requests/q1/answer", json=body).raise_for_status()
        assert ask(crew, "q2", **inside) == "answered"
        assert ada.get("requests/q2").status_code == 200
        assert ask(crew, "q3", **outside) == "pending"
        assert ada.get("requests/q3").status_code == 404


@pytest.mark.parametrize("fields", [{"rights": ["read"]}, {"executions": ["run-2"]}])
def test_a_rule_ends_with_its_makers_right_to_answer(hall: Hall, fields: Json) -> None:
    with hall.key("crew") as crew, hall.key("ada") as ada, caller(hall.server.url, KEY) as owner:
        ask(crew, "q1")
        ada.post("requests/q1/answer", json=ALLOW).raise_for_status()
        assert ask(crew, "q2") == "answered"
        hall.change("ada", **fields)
        assert ask(crew, "q3") == "pending"
        assert owner.get("rules").json() == {"rules": []}


def test_rules_are_shown_to_a_limited_key_only_in_its_scope(hall: Hall) -> None:
    with (
        hall.key("crew") as crew,
        hall.key("ada") as ada,
        hall.key("thief", executions=["run-2"]) as thief,
    ):
        ask(crew, "q1")
        event = ada.post("requests/q1/answer", json=ALLOW).json()["event"]
        (seen,) = ada.get("rules").json()["rules"]
        assert (seen["rule_id"], seen["made_by"]["name"]) == (event["event_id"], "ada")
        assert "asker" not in seen
        assert thief.get("rules").json() == {"rules": []}
        for name in (event["event_id"], "no-such-rule"):
            reply = thief.post(f"rules/{name}/revoke")
            assert reply.status_code == 404
            assert reply.json()["message"].startswith(f"there is no rule `{name}`")
        assert ask(crew, "q2") == "answered"
