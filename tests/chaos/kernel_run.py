"""One run with a real kernel: a real crew asks, and server and kernel are killed under it.

As in ``server_run.py`` people race to answer; here who waits is a cell of a kernel that runs
crewAI on the scripted model. The kernel outlives its server, as one behind a gateway does.
"""

import asyncio
import json
import os
import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import anyio

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.protocol.events import HumanInputCompleted, HumanInputRequired
from tests.chaos import actors, store_run
from tests.chaos.actors import LAST, Cast
from tests.chaos.host import Host, hosted
from tests.chaos.ledger import Ledger, Log
from tests.kernel.crews import ENABLE
from tests.kernel.running_kernel import RunningKernel, start_kernel

SECONDS = 3.0
"""About as long as the cell runs."""

RUN_SECONDS = 120.0
_LOOK_SECONDS = 0.02

CELL = """
import json
for number in range({crews}):
    try:
        print(json.dumps(["done", make_crew(f"Note {{number}}").kickoff().raw]))
    except hitl.NotAnswered as end:
        print(json.dumps(["not answered", str(end)]))
"""


@dataclass(frozen=True)
class Cell:
    """How the cell ended: what it printed, or that its kernel was killed."""

    lines: list[tuple[str, str]]
    killed: bool


def run(seed: int, folder: Path) -> tuple[Ledger, Log]:
    """Play one run and return what was promised and what is there."""
    return asyncio.run(_run(seed, folder))


async def _run(seed: int, folder: Path) -> tuple[Ledger, Log]:
    ledger = Ledger()
    with anyio.fail_after(RUN_SECONDS):
        async with (
            hosted(Host(folder, ledger)) as host,
            AsyncClient(endpoint=host.endpoint) as client,
        ):
            living = asyncio.ensure_future(_live_again_and_again(host))
            try:
                await _play(Cast(host, ledger, client, seed))
            finally:
                living.cancel()
                await asyncio.gather(living, return_exceptions=True)
    return ledger, await store_run.read_back(host.store_path)


async def _live_again_and_again(host: Host) -> None:
    while True:
        host.start()
        await host.live()


async def _play(cast: Cast) -> None:
    await cast.host.up()
    spec = _outliving(cast.host)
    kernel = await asyncio.to_thread(start_kernel, cast.host, spec)
    answering = [
        asyncio.ensure_future(actors.answerer(cast, f"answerer-{n}", _verdict)) for n in range(2)
    ]
    try:
        cell = await _cell(cast, kernel)
        while await cast.insist(cast.client.pending):  # noqa: ASYNC110 - the server's condition
            await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.gather(*cast.answering)
        await _check(cast, cell)
        await cast.publish({"type": "note", "event_id": LAST})
    finally:
        for task in (*answering, *cast.answering):
            task.cancel()
        await asyncio.gather(*answering, *cast.answering, return_exceptions=True)


def _verdict(name: str, question: HumanInputRequired) -> str:
    """Ask for one change, then approve."""
    return f"so says {name}" if question.round == 1 else ""


def _outliving(host: Host) -> str:
    """Make a kernel spec whose kernels do not look at their parent."""
    folder = Path(host.env["JUPYTER_DATA_DIR"]) / "kernels" / "outliving"
    folder.mkdir(parents=True)
    launch = ["env", "-u", "JPY_PARENT_PID", sys.executable, "-m", "ipykernel_launcher"]
    argv = [*launch, "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Outliving", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    return "outliving"


async def _cell(cast: Cast, kernel: RunningKernel) -> Cell:
    """Run the cell, while server and kernel are killed as the dice say."""
    dice = cast.dice("kernel")
    pid = await asyncio.to_thread(kernel.pid)
    try:
        await asyncio.to_thread(kernel.run, ENABLE)
        running = kernel.begin(CELL.format(crews=dice.randint(1, 3)))
        doom = dice.uniform(0, SECONDS) if dice.random() < 0.4 else None
        striking = asyncio.ensure_future(_strike(cast.host, dice))
        if doom is None:
            await asyncio.to_thread(running.finish)
        else:
            await asyncio.sleep(doom)
        await striking
        printed = [json.loads(line) for line in running.text.splitlines() if line[:2] == '["']
        assert running.error is None, running.error
        return Cell([(kind, said) for kind, said in printed], killed=doom is not None)
    finally:
        os.kill(pid, signal.SIGKILL)
        kernel.close()


async def _strike(host: Host, dice: random.Random) -> None:
    for _ in range(dice.randint(0, 2)):
        await asyncio.sleep(dice.uniform(0, SECONDS / 2))
        await host.up()
        host.strike()


async def _check(cast: Cast, cell: Cell) -> None:
    """Hold what the crews printed against the answers that won: each was heard, once."""
    requests = await cast.insist(cast.client.requests)
    if cell.killed:
        return
    ends = [request.completion for request in requests]
    won = [end.human_feedback for end in ends if isinstance(end, HumanInputCompleted)]
    heard = "\n".join(said for kind, said in cell.lines if kind == "done")
    unheard = [said for said in won if said and said not in heard]
    cancelled = [r for r in requests if r.status == "cancelled"]
    not_answered = [said for kind, said in cell.lines if kind == "not answered"]
    assert len(not_answered) == len(cancelled), (cell.lines, cancelled)
    assert len(unheard) <= len(cancelled), "a crew went on without an answer that won"
