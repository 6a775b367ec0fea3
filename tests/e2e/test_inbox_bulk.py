"""Deciding several alike requests at once: each is answered by itself and has its own outcome."""

from typing import Any

from playwright.sync_api import expect

from tests.e2e.inbox import CARD_MS, Desk, OpenInbox

TOOL: dict[str, Any] = {
    "kind": "tool_approval",
    "response": {"decisions": ["approve", "reject"]},
}


def test_only_alike_requests_are_chosen_together_and_each_is_answered(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask_all([{"request_id": f"tool-{number}", **TOOL} for number in range(3)])
    desk.ask("draft of another kind")
    inbox = open_inbox()
    expect(inbox.card("draft of another kind")).to_be_visible(timeout=CARD_MS)
    inbox.hook("hitl-selecting").click()
    inbox.item("tool-0").get_by_test_id("hitl-select").check()
    expect(inbox.item("draft of another kind").get_by_test_id("hitl-select")).to_be_disabled()
    inbox.hook("hitl-select-all").click()
    inbox.hook("hitl-bulk-reject").click()
    inbox.hook("hitl-bulk-reason").fill("Not today")
    inbox.hook("hitl-bulk-send").click()
    outcomes = inbox.hook("hitl-outcome-of")
    expect(outcomes).to_have_count(3)
    for number in range(3):
        expect(outcomes.nth(number)).to_have_attribute("data-outcome", "accepted")
        completion = desk.request(f"tool-{number}")["completion"]
        assert (completion["decision"], completion["human_feedback"]) == ("reject", "Not today")
        assert completion["answered_by"]["via"] == "inbox"
    inbox.hook("hitl-bulk-done").click()
    expect(inbox.hook("hitl-bulk")).to_have_count(0)
    assert desk.pending() == ["draft of another kind"]


def test_one_that_somebody_else_answered_first_says_so_and_stops_no_other(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    options = {"decisions": ["respond"], "options": ["orders", "sales"]}
    names = ["choice-0", "choice-1", "choice-2"]
    desk.ask_all([{"request_id": n, "kind": "question", "response": options} for n in names])
    inbox = open_inbox()
    expect(inbox.card("choice-2")).to_be_visible(timeout=CARD_MS)
    inbox.hook("hitl-selecting").click()
    inbox.item("choice-0").get_by_test_id("hitl-select").check()
    inbox.hook("hitl-select-all").click()
    inbox.hook("hitl-bulk-respond").nth(1).click()
    desk.answer("choice-1", option="orders")
    expect(inbox.card("choice-1")).to_have_attribute("data-status", "answered")
    expect(inbox.hook("hitl-bulk-send")).to_have_text("sales 2")
    inbox.hook("hitl-bulk-send").click()
    expect(inbox.hook("hitl-bulk-done")).to_be_enabled()
    chosen = [desk.request(name)["completion"]["options"] for name in names]
    assert chosen == [["sales"], ["orders"], ["sales"]]
