"""How long a person waits: question to card, click to crew. Measured and printed, not asserted.

The kernel and the browser share the machine's clock. A question's time is the one in its UUIDv7;
the card's is the frame that shows it; the crew has gone on when its model is called again.
"""

import statistics
import uuid

import pytest

from tests.e2e.conftest import Latencies, OpenLab
from tests.e2e.crews import CREW, KICKOFF
from tests.e2e.lab import CARD_MS
from tests.e2e.notes import Notes

pytestmark = pytest.mark.alone

ROUNDS = 20

WATCH = """
window.shown = {}; window.answerable = {}; window.clicked = {};
const now = () => Date.now();
const afterPaint = (done) => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = done;
  channel.port2.postMessage(null);
});
const look = () => {
  for (const card of document.querySelectorAll("[data-testid='hitl-card']")) {
    const id = card.dataset.requestId;
    if (!id) continue;
    if (!(id in window.shown)) {
      window.shown[id] = null;
      afterPaint(() => { window.shown[id] = now(); });
    }
    const accept = card.querySelector("[data-testid='hitl-accept']");
    if (accept && !accept.disabled && !(id in window.answerable)) window.answerable[id] = now();
  }
};
new MutationObserver(look).observe(document, {
  subtree: true, childList: true, attributes: true,
  attributeFilter: ["data-request-id", "disabled"],
});
document.addEventListener("click", (event) => {
  const card = event.target.closest?.("[data-testid='hitl-card']");
  if (card) window.clicked[card.dataset.requestId] = now();
}, true);
"""


def asked_at(request_id: str) -> float:
    """Return the milliseconds since 1970 that a UUIDv7 begins with (RFC 9562, 5.7)."""
    return float(uuid.UUID(request_id).int >> 80)


def test_the_waits_of_a_person_are_measured(
    open_lab: OpenLab, notes: Notes, latencies: Latencies
) -> None:
    lab = open_lab("latency.ipynb", [notes.cell, CREW, KICKOFF])
    lab.page.evaluate(WATCH)
    lab.run_all()
    for number in range(ROUNDS):
        card = lab.await_card("pending")
        request_id = str(card.get_attribute("data-request-id"))
        lab.page.wait_for_function("id => window.shown[id]", arg=request_id, timeout=CARD_MS)
        notes.drain()
        card.get_by_test_id("hitl-feedback").fill(f"Round {number}")
        card.get_by_test_id("hitl-send").click()
        went_on = notes.await_note("model called").at * 1000
        lab.await_card("answered", count=number + 1)
        times = lab.page.evaluate("id => [shown[id], answerable[id], clicked[id]]", request_id)
        shown, answerable, clicked = times
        latencies.add("ask → card on screen", shown - asked_at(request_id))
        latencies.add("ask → card answerable", answerable - asked_at(request_id))
        latencies.add("click → crew continues", went_on - clicked)
    lab.await_card("pending").get_by_test_id("hitl-accept").click()
    notes.await_note("finished")
    assert all(len(values) == ROUNDS for values in latencies.values())
    assert all(statistics.median(values) > 0 for values in latencies.values())
