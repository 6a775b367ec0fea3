"""One run against a real server: everybody acts at once, and blows fall (``blows.py``).

Everything that a run does follows from its seed, as far as the operating system lets it: what
is said, by whom, in which line or after which time each life of the server ends.
"""

import asyncio
from pathlib import Path

import anyio

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.client.resume import TRANSPORTS
from tests.chaos import actors, store_run
from tests.chaos.actors import LAST, Cast
from tests.chaos.blows import strike_again_and_again
from tests.chaos.host import Host, hosted
from tests.chaos.ledger import Ledger, Log

RUN_SECONDS = 90.0
"""No run may hang; far above what one takes."""

_LOOK_SECONDS = 0.01


def run(seed: int, folder: Path) -> tuple[Ledger, Log]:
    """Play one run and return what was promised and what is there."""
    return asyncio.run(_run(seed, folder))


async def _run(seed: int, folder: Path) -> tuple[Ledger, Log]:
    ledger = Ledger()
    with anyio.fail_after(RUN_SECONDS):
        async with (
            hosted(Host(folder, ledger)) as host,
            AsyncClient(endpoint=host.endpoint) as http,
        ):
            cast = Cast(host, ledger, http, seed)
            killing = asyncio.ensure_future(strike_again_and_again(host, cast.dice("blows")))
            playing = asyncio.ensure_future(_play(cast))
            await asyncio.wait((killing, playing), return_when=asyncio.FIRST_COMPLETED)
            for task in (killing, playing):
                task.cancel()
            await asyncio.wait((killing, playing))
            if not killing.cancelled():
                killing.result()
            playing.result()
    return ledger, await store_run.read_back(host.store_path)


async def _play(cast: Cast) -> None:
    """Let everybody act to the end, and bring the log to rest."""
    looking = [asyncio.ensure_future(actors.reader(cast, transport)) for transport in TRANSPORTS]
    answering = [asyncio.ensure_future(actors.answerer(cast, f"answerer-{n}")) for n in range(3)]
    try:
        await asyncio.gather(
            *(actors.publisher(cast, f"publisher-{n}") for n in range(2)),
            *(actors.crew(cast, f"crew-{n}") for n in range(2)),
        )
        while await cast.insist(cast.client.pending):  # noqa: ASYNC110 - the server's condition
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.gather(*cast.answering)
        await cast.publish({"type": "note", "event_id": LAST})
        await asyncio.gather(*looking)
    finally:
        for task in (*looking, *answering, *cast.answering):
            task.cancel()
        await asyncio.gather(*looking, *answering, *cast.answering, return_exceptions=True)
