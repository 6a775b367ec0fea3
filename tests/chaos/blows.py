"""What strikes a server in a run: its death, and troubles that pass.

The dice choose. A death comes in a line of our code or after a time; while a server lives its
disk fills up, another program holds its file, or its clock jumps, for a moment each.
"""

import asyncio
import random
from contextlib import AbstractContextManager

from tests.chaos.faults import held, no_space
from tests.chaos.host import Host

DEATHS = 3
LINES = 12_000
"""About as many lines of ours as a server runs from its start to the end of a run."""

LIFE_SECONDS = 0.5
TROUBLE_SECONDS = 0.3
_DAY = 86_400.0


async def strike_again_and_again(host: Host, dice: random.Random) -> None:
    """Let the server live some short lives, and then one that nobody ends."""
    for _ in range(dice.randint(1, DEATHS)):
        if dice.random() < 0.5:
            host.start(doomed_at=dice.randint(1, LINES))
            await _live(host, dice, 5 * LIFE_SECONDS)
        else:
            host.start()
            await _live(host, dice, dice.uniform(0, LIFE_SECONDS))
    host.start()
    await _live(host, dice, None)
    raise AssertionError(f"the server ended by itself: {host.log.read_text()}")


async def _live(host: Host, dice: random.Random, seconds: float | None) -> None:
    troubling = asyncio.ensure_future(_trouble(host, dice))
    try:
        await host.live(seconds)
    finally:
        troubling.cancel()
        await asyncio.gather(troubling, return_exceptions=True)


async def _trouble(host: Host, dice: random.Random) -> None:
    """Give a server up to two troubles, one after the other, and take them away again."""
    await host.up()
    for _ in range(dice.randint(0, 2)):
        await asyncio.sleep(dice.uniform(0, TROUBLE_SECONDS))
        if dice.random() < 0.3:
            host.turn_clock(dice.uniform(-30, 30) * _DAY)
            continue
        with _fault(host, dice):
            await asyncio.sleep(dice.uniform(0, TROUBLE_SECONDS))


def _fault(host: Host, dice: random.Random) -> AbstractContextManager[None]:
    if dice.random() < 0.5:
        return held(host.store_path)
    return no_space(host.pid, host.store_path)
