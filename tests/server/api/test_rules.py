"""Rules of people on a Jupyter server: its pages can make them, and nothing of its kernels can."""

from typing import Any

import pytest

from tests.attacks.test_rules import ALLOW, gated
from tests.server.callers import caller
from tests.server.door import Door, socket
from tests.server.upstream import Upstream

PROGRAM, PAGE, KERNEL = "token", "cookie with xsrf", "kernel key"


async def ask(door: Door, request_id: str) -> None:
    async with caller(door, KERNEL) as crew:
        (await crew.post("events", json=gated(request_id))).raise_for_status()


@pytest.mark.parametrize("who", [PAGE, PROGRAM])
async def test_a_person_makes_a_rule_and_ends_it(door: Door, who: str) -> None:
    await ask(door, "q1")
    async with caller(door, who) as http:
        made = await http.post("requests/q1/answer", json=ALLOW)
        assert made.status_code == 200, made.text
        await ask(door, "q2")
        request = await door.until_status("q2", "answered")
        assert request["completion"]["by_rule"] == made.json()["event"]["event_id"]
        (rule,) = (await http.get("rules")).json()["rules"]
        assert (rule["scope"], rule["tool"], rule["execution_id"]) == ("run", "send", "run-1")
        for _ in range(2):
            ended = await http.post(f"rules/{rule['rule_id']}/revoke", json={"via": "api"})
            assert ended.json() == {"rule_id": rule["rule_id"], "status": "revoked"}
        assert (await http.get("rules")).json() == {"rules": []}


async def test_the_kernel_key_makes_no_rule_over_any_transport(door: Door) -> None:
    await ask(door, "q1")
    async with caller(door, KERNEL) as crew:
        assert (await crew.post("requests/q1/answer", json=ALLOW)).status_code == 403
        headers = {"Authorization": crew.headers["Authorization"]}
    async with socket(door, headers=headers) as connection:
        up = Upstream(connection)
        answer: dict[str, Any] = {"type": "answer", "request_id": "q1", **ALLOW}
        assert (await up.ask(answer))["status"] == 403
        done = {"type": "human_input_completed", "request_id": "q1", "decision": "approve"}
        for more in ({"by_rule": "r"}, {"answered_by": {"name": "ada", "via": "rule"}}):
            reply = await up.ask({"type": "publish", "events": [{**done, **more}]})
            assert reply["status"] == 422
    assert (await door.request("q1"))["status"] == "pending"


async def test_a_rule_can_be_made_over_a_websocket(door: Door) -> None:
    await ask(door, "q1")
    async with socket(door) as connection:
        reply = await Upstream(connection).ask({"type": "answer", "request_id": "q1", **ALLOW})
        assert reply["body"]["event"]["rule"]["scope"] == "run"
    await ask(door, "q2")
    await door.until_status("q2", "answered")
