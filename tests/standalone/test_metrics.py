"""Metrics: every number that the documentation names, read from a server that did something."""

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from crewai_hitl_nb.protocol.surfaces import SURFACES
from crewai_hitl_nb.server.api import metrics
from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.jupyter_process import REPOSITORY
from tests.standalone.conftest import KEY

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HumanInputServer]:
    with HumanInputServer(port=0, api_key=KEY, store=tmp_path / "log.db") as running:
        yield running


def scraped(http: httpx.Client) -> Samples:
    reply = http.get("metrics")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"crewai_hitl_{name}", tuple(sorted(labels.items()))), 0.0)


def question(request_id: str, **fields: object) -> dict[str, object]:
    return {
        "type": "human_input_required",
        "request_id": request_id,
        "kind": "question",
        "prompt": "a-recognisable-prompt",
        **fields,
    }


def test_what_happens_to_questions_is_counted(http: httpx.Client) -> None:
    http.post("events", json=[question(f"q{number}") for number in range(4)])
    http.post("requests/q0/answer", json={"human_feedback": "a-recognisable-text", "via": "cli"})
    http.post(
        "requests/q1/answer", json={"decision": "approve", "via": "a-surface-that-somebody-made-up"}
    )
    http.post("requests/q2/cancel", json={"reason": "interrupted"})
    seen = scraped(http)
    assert value(seen, "pending_requests", kind="question") == 1
    assert value(seen, "asked_total", kind="question") == 4
    answered = {"kind": "question", "decision": "respond", "via": "cli"}
    assert value(seen, "answered_total", **answered) == 1
    assert value(seen, "answered_total", **{**answered, "decision": "approve", "via": "other"}) == 1
    assert value(seen, "cancelled_total", kind="question", reason="interrupted") == 1
    assert value(seen, "answer_seconds_count") == 2
    assert value(seen, "log_offset") == 7
    assert value(seen, "up") == 1
    assert value(seen, "store_commit_seconds_count") == 4
    assert value(seen, "store_commit_events_sum") == 7


def test_readers_are_counted_while_they_read_and_when_they_left(http: httpx.Client) -> None:
    with http.stream("GET", "events/human-input") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 1000"
        while next(lines) != "event: heartbeat":  # the replay is over
            pass
        assert value(scraped(http), "subscribers", transport="sse") == 1
        http.post("events", json={"type": "note"})
        while not next(lines).startswith("data:"):
            pass
        assert value(scraped(http), "fanout_seconds_count") == 1
    http.get("poll/human-input")
    while value(seen := scraped(http), "subscribers", transport="sse"):
        pass
    assert value(seen, "streams_closed_total", transport="sse", reason="left") == 1
    assert value(seen, "streams_closed_total", transport="poll", reason="left") == 1


def test_no_label_holds_what_a_caller_wrote(http: httpx.Client) -> None:
    ids = {"request_id": "an-id", "execution_id": "an-execution", "crew_id": "a-crew"}
    http.post("events", json=question(**ids, source={"id": "a-source"}))
    http.post("requests/an-id/answer", json={"human_feedback": "a-text", "via": "a-via"})
    text = http.get("metrics").text
    for written in (*ids.values(), "a-recognisable-prompt", "a-source", "a-text", "a-via", KEY):
        assert written not in text


def test_refusals_by_limits_are_counted(tmp_path: Path) -> None:
    with HumanInputServer(port=0, api_key=KEY, limits={"answers_per_second": 0.01}) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=server.url, headers=headers) as http:
            for _ in range(3):
                http.post("requests/q/claim", json={})
            assert value(scraped(http), "rate_limited_total", limit="answer") == 2


def test_metrics_need_a_key_that_reads_everything(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    ring = Keyring(tmp_path / "keys.json")
    _, limited = ring.add("limited", ["read"], now, crews=["c"])
    _, reading = ring.add("reading", ["read"], now)
    _, writing = ring.add("writing", ["publish"], now)
    with HumanInputServer(port=0, api_key=KEY, keys_file=tmp_path / "keys.json") as server:
        statuses = {
            key: httpx.get(
                f"{server.url}metrics", headers={"Authorization": f"Bearer {key}"}
            ).status_code
            for key in (limited, reading, writing, "wrong")
        }
        assert httpx.get(f"{server.url}metrics").status_code == 401
    assert list(statuses.values()) == [403, 200, 403, 401]


def test_several_servers_of_one_process_are_added_up_in_its_registry(
    server: HumanInputServer, http: httpx.Client
) -> None:
    services = server._runtime.services
    back = [metrics.expose(services), metrics.expose(services)]
    try:
        http.post("events", json=question("q1"))
        labels = {"kind": "question"}
        assert REGISTRY.get_sample_value("crewai_hitl_asked_total", labels) == 2
    finally:
        for take_back in back:
            take_back()
            take_back()
    assert REGISTRY.get_sample_value("crewai_hitl_up") is None


def documented() -> dict[str, set[str]]:
    """Return the metrics that the table names, each with its labels."""
    table = (REPOSITORY / "docs" / "monitoring.md").read_text()
    rows = re.findall(r"^\| `(crewai_hitl_\w+)` \|[^|]*\| ([^|]*)\|", table, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


def test_the_documentation_names_every_metric_and_its_labels(log_url: str) -> None:
    families = {}
    headers = {"Authorization": f"Bearer {KEY}"}
    with (
        HumanInputServer(port=0, api_key=KEY, store=log_url) as server,  # it has all of them
        httpx.Client(base_url=server.url, headers=headers) as http,
    ):
        http.post("events", json=[question("q1"), question("q2"), question("q3")])
        http.post("requests/q1/answer", json={})
        http.post("requests/q2/cancel", json={})
        http.get("poll/human-input")
        text = http.get("metrics").text
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        families[name] = labels
    said = documented()
    assert set(said) == set(families)
    for name, labels in families.items():
        assert labels <= said[name], name


def test_every_surface_that_answers_has_its_own_label() -> None:
    sources = [*REPOSITORY.glob("crewai_hitl_nb/**/*.py"), *REPOSITORY.glob("js/src/**/*.ts*")]
    said = {
        via
        for path in sources
        for via in re.findall(r"\b(?:VIA\b.*=|via[=:]) ?\"(\w+)\"", path.read_text())
    }
    assert said <= set(SURFACES)
