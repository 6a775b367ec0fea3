"""What a receiver gets, and whom it cannot hold up."""

import json
from typing import Any

import msgspec
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from crewai_hitl_nb.broker.delivery.subscription import Start
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.base import EVERYTHING, Record
from tests.broker.webhooks.conftest import Rig
from tests.broker.webhooks.receiver import Receiver, secret
from tests.events import completed, other, required

pytestmark = pytest.mark.asyncio


async def test_an_event_arrives_signed_and_exactly_as_it_is_stored(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    (result,) = await rig.publish(required("r1", execution_id="x1"))
    await receiver.until(1)

    (call,) = receiver.calls
    call.verify()
    assert call.body == result.record.body
    assert call.id == result.record.event_id
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["User-Agent"] == "crewai-hitl-nb"
    assert call.headers["Host"] == f"127.0.0.1:{receiver.port}"


async def test_a_path_and_a_query_are_kept(rig: Rig, receiver: Receiver) -> None:
    await rig.start(receiver.url("in/box%20a?token=t%26t"))
    await rig.publish(required("r1"))
    await receiver.until(1)
    assert receiver.calls[0].path == "/in/box%20a"
    (listed,) = await rig.webhooks.report()
    assert listed["url"] == receiver.url("in/box%20a")


async def test_the_documents_two_types_are_sent_and_no_others(rig: Rig, receiver: Receiver) -> None:
    await rig.start(receiver.url())
    await rig.publish(required("r1"), other("run_started"), completed("r1", "yes"))
    await rig.until_delivered(3)
    assert [call.event["type"] for call in receiver.calls] == [
        "human_input_required",
        "human_input_completed",
    ]


async def test_configured_types_are_sent_instead(rig: Rig, receiver: Receiver) -> None:
    await rig.start(receiver.url(), types=("run_started",))
    await rig.publish(required("r1"), other("run_started"))
    await rig.until_delivered(2)
    assert [call.event["type"] for call in receiver.calls] == ["run_started"]


async def test_events_arrive_in_the_order_of_the_log(rig: Rig, receiver: Receiver) -> None:
    await rig.start(receiver.url())
    receiver.answer(500, 204, 204, 503)
    names = [f"r{number}" for number in range(30)]
    await rig.publish(*(required(name) for name in names[:10]))
    for name in names[10:]:
        await rig.publish(required(name))
    await rig.until_delivered(30)
    assert list(dict.fromkeys(receiver.requests)) == names
    assert len(receiver.calls) == 32


async def test_an_endpoint_begins_with_what_comes_after_it_was_configured(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start()
    await rig.publish(required("before"))
    await rig.stop()
    await rig.start(receiver.url())
    await rig.publish(required("after"))
    await receiver.until(1)
    assert receiver.requests == ["after"]


async def test_every_secret_signs_and_the_newest_comes_first(rig: Rig, receiver: Receiver) -> None:
    await rig.start(receiver.url(), secrets=(secret("n"), secret("o")))
    await rig.publish(required("r1"))
    await receiver.until(1)
    (call,) = receiver.calls
    call.verify(secret("n"))
    call.verify(secret("o"))
    with pytest.raises(WebhookVerificationError):
        call.verify(secret("x"))
    both = call.headers["webhook-signature"].split(" ")
    await rig.stop()

    await rig.start(receiver.url(), secrets=(secret("n"),))
    await rig.publish(required("r2"))
    await receiver.until(2)
    receiver.calls[1].verify(secret("n"))
    assert len(both) == 2
    assert len(receiver.calls[1].headers["webhook-signature"].split(" ")) == 1


async def test_ids_that_no_header_can_carry_arrive_percent_encoded_and_distinct(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    ids = ["grün 1\r\nX-Evil: 1", "a b", "a%20b", "plain/id:1"]
    # As an older log may hold them: a new event has no such id as the first.
    asked = (required(f"r{i}") for i in range(len(ids)))
    await rig.publish(
        *(msgspec.structs.replace(e, event_id=name) for e, name in zip(asked, ids, strict=True))
    )
    await receiver.until(4)
    assert receiver.ids == ["gr%C3%BCn%201%0D%0AX-Evil:%201", "a%20b", "a%2520b", "plain/id:1"]
    assert [call.event["event_id"] for call in receiver.calls] == ids
    for call in receiver.calls:
        call.verify()
        assert "X-Evil" not in call.headers


async def test_while_a_receiver_holds_a_call_publishers_and_subscribers_go_on(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    receiver.hold()
    await rig.publish(required("r0"))
    await receiver.until(1)

    subscription = rig.broker.subscribe(EVERYTHING, Start(replay="all"))
    for number in range(1, 50):
        await rig.publish(required(f"r{number}"))
    seen: list[str] = []
    while len(seen) < 50:
        step = await subscription.next(timeout=15)
        assert step is not None
        records = step if isinstance(step, list) else []
        seen += [_request(record) for record in records]
    subscription.close()

    assert seen == [f"r{number}" for number in range(50)]
    assert len(receiver.calls) == 1
    receiver.let_go()
    await rig.until_delivered(50)
    assert receiver.requests == seen


def _request(record: Record) -> str:
    return str(json.loads(record.body)["request_id"])


async def test_an_endpoint_that_hangs_holds_up_no_other(rig: Rig, receiver: Receiver) -> None:
    hanging = Receiver()
    await hanging.start()
    hanging.hold()
    try:
        await rig.start(hanging.url(), receiver.url())
        await rig.publish(*(required(f"r{number}") for number in range(5)))
        await receiver.until(5)
        assert receiver.requests == [f"r{number}" for number in range(5)]
        assert len(hanging.calls) <= 1
    finally:
        await hanging.stop()


async def test_the_same_address_twice_is_one_endpoint(rig: Rig, receiver: Receiver) -> None:
    await rig.start(receiver.url(), receiver.url())
    await rig.publish(required("r1"), required("r2"))
    await rig.until_delivered(2)
    assert receiver.requests == ["r1", "r2"]


async def test_an_error_in_what_wakes_the_deliveries_does_not_end_them(
    rig: Rig, receiver: Receiver
) -> None:
    await rig.start(receiver.url())
    await rig.publish(required("r1"))
    await rig.until_delivered(1)
    rig.broker._fanout.end(StoreUnavailable("the log cannot be read"))
    await rig.publish(required("r2"))

    def delivered(listing: list[Any]) -> bool:
        rig.clock.turn(5)  # it pauses before it listens again
        return all(one["cursor"] >= 2 for one in listing)

    await rig.until(delivered)
    assert [call.event["request_id"] for call in receiver.calls] == ["r1", "r2"]
