"""`crewai-hitl rules`: what people allowed beyond one call, and how to end it."""

from collections.abc import Iterator

import httpx
import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.ids import new_event_id
from tests.cli.command import Commands
from tests.cli.conftest import KEY
from tests.protocol.test_rules import gated


@pytest.fixture
def page(url: str) -> Iterator[httpx.Client]:
    """A person's browser on the server's own page."""
    with httpx.Client(base_url=url, timeout=15) as http:
        assert http.get("", params={"token": KEY}, follow_redirects=True).status_code == 200
        origin = str(httpx.URL(url).copy_with(path="")).rstrip("/")
        http.headers.update({"X-XSRFToken": http.cookies["_xsrf"], "Origin": origin})
        yield http


@pytest.fixture
def rule(page: httpx.Client, client: Client) -> Iterator[str]:
    """A rule for the tool `send` in the run `run-1`."""
    name = client.publish(gated(f"q-{new_event_id()}"))[0].request_id
    reply = page.post(f"requests/{name}/answer", json={"decision": "approve", "rule": "run"})
    made = str(reply.json()["event"]["event_id"])
    yield made
    page.post(f"rules/{made}/revoke").raise_for_status()


def test_a_rule_is_listed_with_its_reach_and_its_maker(cli: Commands, rule: str) -> None:
    (line,) = cli("rules").stdout.splitlines()
    shown, tool, reach, who, _, ends = line.split("\t")
    assert (shown, tool, reach) == (rule, "send", "in run run-1")
    assert who
    assert ends
    (record,) = cli.lines("rules")
    assert (record["rule_id"], record["scope"]) == (rule, "run")


def test_a_rule_ends_by_the_beginning_of_its_id(cli: Commands, client: Client, rule: str) -> None:
    result = cli("rules", "revoke", rule[:20])
    assert (result.exit_code, result.stdout) == (0, f"revoked {rule}\n")
    assert client.rules() == []
    assert cli.lines("rules", "revoke", rule) == [{"rule_id": rule, "status": "revoked"}]
    assert cli("rules").stdout == ""


@pytest.mark.parametrize("named", ["no-such-rule", "a"])
def test_an_unknown_rule_is_said_to_be_unknown(cli: Commands, rule: str, named: str) -> None:
    result = cli("rules", "revoke", named)
    assert result.exit_code != 0
    assert f"there is no rule `{named}`; `crewai-hitl rules`" in result.output
