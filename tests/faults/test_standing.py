"""Whatever a network blocks, one of the transports gets through, and nothing is missed."""

import asyncio
import os
import uuid
from collections.abc import Iterator

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.kernel.bridge.bridge import Bridge
from crewai_hitl_nb.protocol.events import HumanInputCompleted
from tests.events import other, required
from tests.faults.following import behind, following
from tests.faults.proxy import Proxy
from tests.faults.standing import STANDING, Standing
from tests.jupyter_process import TOKEN, JupyterProcess

QUICK = tuple(
    standing
    for standing in STANDING
    if not any(rule.act in ("hang", "hold") for rule in standing.rules)
)
"""A kernel waits its full ten seconds for what is never answered; ``make soak`` has the time."""


PATIENT = tuple(standing for standing in STANDING if standing.name != "frames held back")
"""Without "frames held back": the server's pings are held back as well, so it ends the
waiter's connection. Then all that was held comes at once and looks like a live connection, again
and again."""


def over(*networks: Standing) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("standing", networks, ids=lambda standing: standing.name)


@pytest.fixture
def network(server: JupyterProcess, standing: Standing) -> Iterator[Proxy]:
    with Proxy(server.port, *standing.rules) as proxy:
        yield proxy


@over(*STANDING)
@pytest.mark.asyncio
async def test_a_client_finds_its_way_and_sees_everything_once(
    network: Proxy, standing: Standing, direct: Client
) -> None:
    run = str(uuid.uuid4())
    names = [f"{run}-{i}" for i in range(4)]
    say = [other(event_id=name, execution_id=run) for name in names]
    question = required(f"{run}-q", event_id=f"{run}-q", execution_id=run)
    await asyncio.to_thread(direct.publish, say[0], say[1])
    async with behind(network) as client, following(client, run) as follower:
        live = await follower.until_live()
        await asyncio.to_thread(direct.publish, say[2])
        await follower.until_seen(names[2])
        await client.publish(say[3], question)
        await follower.until_seen(question.event_id)
        answered = await client.answer(question.request_id, "Shorter")
        await follower.until_seen(answered.event_id)

    assert live.transport == standing.falls_to
    assert follower.seen == [*names, question.event_id, answered.event_id]
    assert follower.gaps == 0


@over(*(PATIENT if "SOAK" in os.environ else QUICK))
def test_a_kernels_question_is_asked_once_and_gets_its_answer(
    network: Proxy, standing: Standing, direct: Client
) -> None:
    source = f"k-{uuid.uuid4()}"
    question = required(str(uuid.uuid4()), source={"id": source})
    url = f"http://127.0.0.1:{network.port}/crewai-hitl/"
    bridge = Bridge(Endpoint(url, TOKEN), source)
    try:
        pending = bridge.open(question)
        pending.posted.result(30)
        given = direct.answer(question.request_id, "Shorter")
        taken = pending.outcome.result(30)
    finally:
        bridge.close("interrupted", 5.0)

    assert isinstance(taken, HumanInputCompleted)
    assert taken.event_id == given.event_id
