"""What was committed is delivered at least once, whoever was away in between."""

import asyncio

import pytest

from crewai_hitl_nb.broker.webhooks.call import within
from tests.broker.webhooks.conftest import Clock, Rig
from tests.broker.webhooks.receiver import Receiver
from tests.events import other, required

pytestmark = pytest.mark.asyncio


async def test_what_a_receiver_missed_while_both_were_away_arrives_in_order(
    rig: Rig, receiver: Receiver, clock: Clock
) -> None:
    await rig.start(receiver.url(), pauses=(60.0,) * 6)
    await rig.publish(required("r1"))
    await rig.until_delivered(1)
    await receiver.stop()
    results = await rig.publish(required("r2"), required("r3"))
    await rig.until(lambda listing: listing[0]["status"] == "retrying")
    await rig.stop()

    await rig.start(receiver.url(), pauses=(60.0,) * 6)
    results += await rig.publish(required("r4"))
    await receiver.start()
    clock.turn(61 * 1.2)
    await rig.until_delivered(4)
    assert receiver.requests == ["r1", "r2", "r3", "r4"]
    assert receiver.ids[1:] == [result.record.event_id for result in results]
    for call in receiver.calls:
        call.verify()


async def test_a_call_that_the_stop_cut_off_is_repeated_under_its_id(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    receiver.hold()
    (result,) = await rig.publish(required("r1"))
    await receiver.until(1)
    await rig.stop()
    receiver.let_go()

    await rig.start(receiver.url())
    await receiver.until(2)
    assert receiver.ids == [result.record.event_id] * 2


async def test_the_time_of_the_next_attempt_survives_a_restart(
    rig: Rig, receiver: Receiver, clock: Clock
) -> None:
    await rig.start(receiver.url(), pauses=(100.0, 100.0))
    receiver.answer(500)
    await rig.publish(required("r1"))
    (before,) = await rig.until(lambda listing: listing[0]["status"] == "retrying")
    await rig.stop()

    await rig.start(receiver.url(), pauses=(100.0, 100.0))
    (after,) = await rig.webhooks.report()
    assert after == before
    clock.turn(111)
    await rig.until_delivered(1)
    assert len(receiver.calls) == 2


async def test_nothing_is_repeated_after_a_restart_that_cut_nothing_off(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    await rig.publish(required("r1"), other(), required("r2"), other())
    await rig.until_delivered(4)
    await rig.stop()
    await rig.start(receiver.url())
    await rig.publish(required("r3"))
    await rig.until_delivered(5)
    assert receiver.requests == ["r1", "r2", "r3"]


async def test_what_retention_dropped_while_it_was_retried_has_failed(
    rig: Rig, receiver: Receiver, clock: Clock
) -> None:
    await rig.start(receiver.url(), types=("note",), pauses=(100.0,))
    receiver.answer(500)
    await rig.publish(other("note"))
    await rig.until(lambda listing: listing[0]["status"] == "retrying")
    await rig.store.prune(keep=0, before=0)
    await rig.stop()

    await rig.start(receiver.url(), types=("note",))
    await rig.publish(other("note"))
    await rig.until_delivered(2)
    newest, dropped = (await rig.webhooks.report())[0]["deliveries"]
    assert (newest.outcome, dropped.outcome) == ("delivered", "failed")
    assert "no longer kept" in dropped.error


async def test_closing_while_every_receiver_hangs_does_not_wait_for_them(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    receiver.hold()
    await rig.publish(required("r1"))
    await receiver.until(1)
    await asyncio.wait_for(rig.webhooks.close(), 5)
    assert receiver.requests == ["r1"]


async def test_a_close_in_the_moment_when_a_call_ends_is_not_lost() -> None:
    answer = asyncio.get_running_loop().create_future()

    async def call() -> None:
        await answer

    line = asyncio.ensure_future(within(15, call()))
    for _ in range(3):  # turns of the loop, until the line waits for the call
        await asyncio.sleep(0)
    answer.set_result(None)
    await asyncio.sleep(0)  # the call has ended, the line does not know it yet
    line.cancel()
    with pytest.raises(asyncio.CancelledError):
        await line
