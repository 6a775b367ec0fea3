"""``crewai-hitl webhooks``: the listing for people and for pipes."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from crewai_hitl_nb.cli.exit_codes import Commands, Exit
from crewai_hitl_nb.cli.webhooks import webhooks
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.broker.webhooks.receiver import SECRET, Receiver
from tests.server.door import until

pytestmark = pytest.mark.asyncio


async def run(server: HumanInputServer, *options: str) -> Result:
    """Run the command in a thread, while the server serves on this loop."""
    line = ["webhooks", "--url", server.url, *options]
    commands = Commands("crewai-hitl", commands=[webhooks])
    return await asyncio.to_thread(CliRunner().invoke, commands, line)


async def test_webhooks_and_their_deliveries_are_shown(receiver: Receiver) -> None:
    server = HumanInputServer(
        port=0,
        webhook_urls=[receiver.url()],
        webhook_secrets=[SECRET],
        webhook_allow_private=True,
    )
    async with server, httpx.AsyncClient(base_url=server.url) as http:

        async def listed() -> Any:
            return (await http.get("webhooks")).json()["webhooks"][0]

        await http.post(
            "events", json={"type": "human_input_required", "event_id": "e1", "prompt": "Good?"}
        )
        webhook = await until(listed, lambda one: one["cursor"] == 1)
        for_people = await run(server)
        for_pipes = await run(server, "--json")

    assert for_people.exit_code == Exit.OK, for_people.output
    assert f"{webhook['id']}  {receiver.url()}  active, up to event 1" in for_people.stderr
    (row,) = for_people.stdout.splitlines()
    assert row.split("\t")[:6] == [
        *(webhook["id"], "e1", "human_input_required"),
        *("delivered", "1", "204"),
    ]
    assert [json.loads(line) for line in for_pipes.stdout.splitlines()] == [webhook]


async def test_a_server_without_webhooks_says_so() -> None:
    async with HumanInputServer(port=0) as server:
        result = await run(server)
    assert (result.exit_code, result.stdout) == (Exit.OK, "")
    assert "No webhook is configured" in result.stderr


async def test_a_wrong_configuration_of_the_server_is_a_failure_with_its_reason() -> None:
    async with HumanInputServer(port=0, webhook_urls=["https://hooks.example/"]) as server:
        result = await run(server)
    assert result.exit_code == Exit.FAILURE
    assert "without a secret" in result.stderr
