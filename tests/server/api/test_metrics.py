"""Metrics in a Jupyter server: among the host's own, under the host's own login."""

import httpx

from tests.server.door import Door


async def test_the_hosts_metrics_show_ours_to_who_is_logged_in(door: Door) -> None:
    await door.ask("q1", kind="question")
    metrics = str(httpx.URL(door.url).join("../metrics"))
    shown = await door.http.get(metrics)
    assert shown.status_code == 200
    assert 'crewai_hitl_asked_total{kind="question"} 1.0' in shown.text
    assert "http_request_duration_seconds" in shown.text
    async with httpx.AsyncClient() as nobody:
        assert (await nobody.get(metrics)).status_code == 403


async def test_a_server_that_stopped_leaves_the_hosts_metrics(door: Door) -> None:
    metrics = str(httpx.URL(door.url).join("../metrics"))
    assert "crewai_hitl_up 1.0" in (await door.http.get(metrics)).text
    await door.close()
    assert "crewai_hitl_up" not in (await door.http.get(metrics)).text
    await door.open()
    assert "crewai_hitl_up 1.0" in (await door.http.get(metrics)).text
