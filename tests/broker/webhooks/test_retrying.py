"""Failing receivers: tried again, given up, disabled; never in the way of what is behind."""

import pytest

from crewai_hitl_nb.broker.webhooks.call import SignedPost
from crewai_hitl_nb.broker.webhooks.config import WebhookSettings
from crewai_hitl_nb.broker.webhooks.retries import MAX_RETRY_AFTER_SECONDS
from tests.broker.webhooks.conftest import Clock, Rig
from tests.broker.webhooks.receiver import SECRET, Receiver
from tests.events import required

pytestmark = pytest.mark.asyncio


async def test_a_failing_call_is_repeated_under_the_same_id_until_it_succeeds(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    receiver.answer(500, 400, 404)
    await rig.publish(required("r1"))
    await rig.until_delivered(1)
    assert len(receiver.calls) == 4
    assert len(set(receiver.ids)) == 1
    for call in receiver.calls:
        call.verify()
    (listed,) = await rig.webhooks.report()
    (delivery,) = listed["deliveries"]
    assert delivery.outcome == "delivered"
    assert [attempt.status for attempt in delivery.attempts] == [500, 400, 404, 204]
    assert (listed["status"], listed["last_status"]) == ("active", 204)


async def test_after_its_attempts_an_event_has_failed_and_the_next_one_comes(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url(), pauses=(0.0, 0.0))
    receiver.answer(500, 500, 500)
    await rig.publish(required("r1"), required("r2"))
    await rig.until_delivered(2)
    assert receiver.requests == ["r1", "r1", "r1", "r2"]
    (listed,) = await rig.webhooks.report()
    assert [delivery.outcome for delivery in listed["deliveries"]] == ["delivered", "failed"]


async def test_a_retry_waits_for_its_time_and_no_longer(
    rig: Rig, receiver: Receiver, clock: Clock
) -> None:
    await rig.start(receiver.url(), pauses=(100.0,))
    receiver.answer(500)
    await rig.publish(required("r1"))
    (listed,) = await rig.until(lambda listing: listing[0]["status"] == "retrying")
    began = listed["deliveries"][0].attempts[0].at
    assert 110 <= (listed["next_attempt"] - began).total_seconds() < 111  # half of the jitter

    clock.turn(60)
    clock.turn(60)
    await rig.until_delivered(1)
    assert len(receiver.calls) == 2


async def test_gone_disables_the_endpoint_also_after_a_restart(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    receiver.answer(410)
    await rig.publish(required("r1"))
    (listed,) = await rig.until(lambda listing: listing[0]["status"] == "disabled")
    assert listed["disabled_at"] is not None
    await rig.stop()

    await rig.start(receiver.url(), receiver.url("other"))
    await rig.publish(required("r2"))
    await receiver.until(2)
    assert [call.path for call in receiver.calls] == ["/hook", "/other"]
    assert [one["status"] for one in await rig.webhooks.report()] == ["disabled", "active"]


async def test_taking_a_disabled_address_out_and_putting_it_back_enables_it(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    receiver.answer(410)
    await rig.publish(required("r1"))
    await rig.until(lambda listing: listing[0]["status"] == "disabled")
    await rig.stop()
    await rig.start()
    await rig.publish(required("r2"))
    await rig.stop()

    await rig.start(receiver.url())
    await rig.publish(required("r3"))
    await receiver.until(2)
    assert receiver.requests == ["r1", "r3"]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_that_asks_for_a_pause_gets_it(
    rig: Rig, receiver: Receiver, status: int
) -> None:
    await rig.start(receiver.url(), pauses=(5.0,))
    receiver.answer(status, Retry_After="120")
    await rig.publish(required("r1"))
    assert 120 <= await _pause(rig) < 121


async def test_a_pause_may_be_asked_for_as_a_date(rig: Rig, receiver: Receiver) -> None:
    await rig.start(receiver.url(), pauses=(5.0,))
    receiver.answer(503, Retry_After="Fri, 31 Dec 2199 23:59:59 GMT")
    await rig.publish(required("r1"))
    assert MAX_RETRY_AFTER_SECONDS <= await _pause(rig) < MAX_RETRY_AFTER_SECONDS + 1


@pytest.mark.parametrize(("status", "said"), [(500, "120"), (503, "soon"), (503, "0"), (503, "")])
async def test_what_is_no_request_for_a_longer_pause_changes_nothing(
    rig: Rig, receiver: Receiver, status: int, said: str
) -> None:
    await rig.start(receiver.url(), pauses=(5.0,))
    receiver.answer(status, Retry_After=said)
    await rig.publish(required("r1"))
    assert 5.5 <= await _pause(rig) < 6.5


async def _pause(rig: Rig) -> float:
    (listed,) = await rig.until(lambda listing: listing[0]["status"] == "retrying")
    began = listed["deliveries"][0].attempts[0].at
    pause: float = (listed["next_attempt"] - began).total_seconds()
    return pause


async def test_a_redirect_is_a_failure_and_nobody_follows_it(rig: Rig, receiver: Receiver) -> None:
    await rig.start(receiver.url(), pauses=())
    receiver.answer(307, Location=receiver.url("elsewhere"))
    await rig.publish(required("r1"))
    await rig.until_delivered(1)
    assert [call.path for call in receiver.calls] == ["/hook"]
    assert (await rig.webhooks.report())[0]["deliveries"][0].outcome == "failed"


async def test_a_receiver_that_never_answers_is_given_up_and_tried_again(
    rig: Rig, receiver: Receiver
) -> None:
    signers = WebhookSettings(secrets=(SECRET,)).signers()
    post = SignedPost(signers, allow_private=True, timeout=0.05)
    await rig.start(receiver.url(), pauses=(0.0,), post=post)
    receiver.hold()
    await rig.publish(required("r1"))
    await rig.until_delivered(1)
    receiver.let_go()
    (listed,) = await rig.webhooks.report()
    (delivery,) = listed["deliveries"]
    assert delivery.outcome == "failed"
    assert [attempt.status for attempt in delivery.attempts] == [None, None]
    assert listed["last_error"] == "no answer within 0.05 s"


async def test_the_listing_keeps_the_latest_deliveries_newest_first(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    await rig.publish(*(required(f"r{number}") for number in range(25)))
    await rig.until_delivered(25)
    (listed,) = await rig.webhooks.report()
    assert [delivery.offset for delivery in listed["deliveries"]] == list(range(25, 5, -1))
