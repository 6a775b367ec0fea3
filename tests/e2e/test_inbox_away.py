"""What a person does while the server is away, and what others see while somebody writes."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.axe import violations
from tests.e2e.inbox import CARD_MS, Desk, InboxPage, OpenInbox
from tests.jupyter_process import JupyterProcess

WIDE: dict[str, Any] = {"viewport": {"width": 1100, "height": 600}}


def lose_the_server(inbox: InboxPage, server: JupyterProcess) -> None:
    server.kill()
    expect(inbox.hook("hitl-trouble")).to_be_visible(timeout=CARD_MS)


def test_an_answer_given_while_the_server_is_away_goes_when_it_is_back(
    desk: Desk, open_inbox: OpenInbox, inbox_server: JupyterProcess
) -> None:
    desk.ask("away")
    desk.ask("after it")
    inbox = open_inbox(**WIDE)
    card = inbox.card("away")
    card.get_by_test_id("hitl-feedback").fill("Shorter", timeout=CARD_MS)
    lose_the_server(inbox, inbox_server)
    card.get_by_test_id("hitl-send").click()
    expect(card.get_by_test_id("hitl-held")).to_contain_text("Not sent yet", timeout=CARD_MS)
    inbox.row("after it").locator("[data-row]").click()  # it waits without its card, too
    expect(inbox.card("after it")).to_be_visible()
    inbox.row("away").locator("[data-row]").click()
    expect(card.get_by_test_id("hitl-held")).to_contain_text("Not sent yet")
    expect(card.get_by_test_id("hitl-feedback")).not_to_be_editable()
    inbox_server.start()
    expect(inbox.row("away")).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    assert desk.request("away")["completion"]["human_feedback"] == "Shorter"


@pytest.mark.parametrize("width", [360, 1100])
def test_the_list_says_which_answers_wait_for_the_server_and_how_many(
    desk: Desk, open_inbox: OpenInbox, inbox_server: JupyterProcess, width: int
) -> None:
    names = [f"waits-{width}-{number}" for number in range(3)]
    desk.ask_all([{"request_id": name} for name in names])
    inbox = open_inbox(viewport={"width": width, "height": 700})
    inbox.hold_decisions(0)
    wide = width > 900
    expect(inbox.hook("hitl-row" if wide else "hitl-card")).to_have_count(3, timeout=CARD_MS)
    lose_the_server(inbox, inbox_server)
    count = inbox.hook("hitl-unsent-count")
    expect(count).to_have_count(0)
    for name, words in zip(names, ("1 answer waits", "2 answers wait"), strict=False):
        if wide:
            inbox.row(name).locator("[data-row]").click()
        inbox.card(name).get_by_test_id("hitl-accept").click()
        expect(count).to_contain_text(f"{words} for the server", timeout=CARD_MS)
    shown = [inbox.row(name) if wide else inbox.card(name) for name in names]
    sent = re.compile("not sent yet", re.IGNORECASE)
    for one, not_sent in zip(shown, (True, True, False), strict=True):
        expect(one.get_by_text(sent)).to_have_count(int(not_sent))
    if wide:
        inbox.row(names[2]).locator("[data-row]").click()
        expect(shown[0]).to_contain_text(sent)  # it stays while another card is open
    assert violations(inbox.page) == []
    if wide:
        inbox.row(names[0]).locator("[data-row]").click()
    inbox.card(names[0]).get_by_test_id("hitl-undo").click()
    expect(count).to_contain_text("1 answer waits")
    expect(shown[0].get_by_text(sent)).to_have_count(0)
    inbox_server.start()
    expect(count).to_have_count(0, timeout=CARD_MS)
    expect(shown[1]).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    assert desk.pending() == [names[0], names[2]]


def test_an_answer_that_waits_can_be_taken_back_and_is_then_never_sent(
    desk: Desk, open_inbox: OpenInbox, inbox_server: JupyterProcess
) -> None:
    desk.ask("taken back")
    inbox = open_inbox(**WIDE)
    inbox.hold_decisions(0)
    card = inbox.card("taken back")
    expect(card).to_be_visible(timeout=CARD_MS)
    lose_the_server(inbox, inbox_server)
    card.get_by_test_id("hitl-accept").click()
    card.get_by_test_id("hitl-undo").click(timeout=CARD_MS)
    expect(card.get_by_test_id("hitl-accept")).to_be_enabled()
    inbox_server.start()
    expect(inbox.hook("hitl-connection")).to_have_attribute("data-state", "live", timeout=CARD_MS)
    card.get_by_test_id("hitl-feedback").fill("On second thoughts")
    card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered")
    assert desk.request("taken back")["completion"]["decision"] == "respond"


def test_an_answer_that_may_have_left_cannot_be_undone(desk: Desk, open_inbox: OpenInbox) -> None:
    desk.ask("in the socket")
    inbox = open_inbox(**WIDE)
    inbox.hold_decisions(0)
    card = inbox.card("in the socket")
    expect(card).to_be_visible(timeout=CARD_MS)
    inbox.page.context.set_offline(True)
    card.get_by_test_id("hitl-accept").click()  # the page has not noticed: it sends a frame
    expect(card.get_by_test_id("hitl-held").or_(card.get_by_test_id("hitl-error"))).to_contain_text(
        re.compile("not known what has arrived|may have arrived"), timeout=CARD_MS
    )
    expect(card.get_by_test_id("hitl-undo")).to_have_count(0)
    inbox.page.context.set_offline(False)
    expect(inbox.row("in the socket")).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    assert desk.request("in the socket")["completion"]["decision"] == "approve"


@pytest.mark.parametrize("width", [360, 1100])
def test_that_the_server_is_away_stays_in_sight(
    desk: Desk, open_inbox: OpenInbox, inbox_server: JupyterProcess, width: int
) -> None:
    desk.ask_all([{"request_id": f"far-{width}-{number}"} for number in range(20)])
    inbox = open_inbox(viewport={"width": width, "height": 600})
    expect(inbox.hook("hitl-card").first).to_be_visible(timeout=CARD_MS)
    lose_the_server(inbox, inbox_server)
    last = inbox.hook("hitl-row" if width > 900 else "hitl-card").nth(15)
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport()
    expect(inbox.hook("hitl-trouble")).to_be_in_viewport(ratio=1)
    inbox_server.start()


def test_a_draft_survives_closing_the_tab_and_goes_when_it_is_answered(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("draft kept")
    inbox = open_inbox()
    inbox.card("draft kept").get_by_test_id("hitl-feedback").fill("Half a sent")
    inbox.page.wait_for_function("Object.keys(localStorage).some((key) => key.includes('draft'))")
    again = InboxPage(inbox.page.context.new_page(), inbox.server)
    inbox.page.close()
    again.open()
    feedback = again.card("draft kept").get_by_test_id("hitl-feedback")
    expect(feedback).to_have_value("Half a sent", timeout=CARD_MS)
    desk.answer("draft kept", human_feedback="Mine")
    expect(again.card("draft kept").get_by_test_id("hitl-own-text")).to_contain_text("Half a sent")
    again.page.wait_for_function(
        "!Object.keys(localStorage).some((key) => key.includes('crewai-hitl/draft'))"
    )


def test_others_see_who_is_writing_until_they_stop(desk: Desk, open_inbox: OpenInbox) -> None:
    desk.ask("written")
    ada, grace = open_inbox(), open_inbox(**WIDE)
    seen = grace.card("written").get_by_test_id("hitl-claim")
    expect(grace.card("written")).to_be_visible(timeout=CARD_MS)
    grace.page.clock.install()
    ada.card("written").get_by_test_id("hitl-feedback").press_sequentially("I th")
    expect(seen).to_have_text(re.compile(r"^Anonymous \w+ is writing…$"), timeout=CARD_MS)
    expect(grace.row("written")).to_contain_text("is writing…")
    expect(ada.card("written").get_by_test_id("hitl-claim")).to_have_count(0)
    assert desk.request("written")["claimed_by"]["via"] == "inbox"
    grace.page.clock.fast_forward(60_000)
    expect(seen).to_have_count(0, timeout=CARD_MS)  # the page looks every five seconds


def test_somebody_who_writes_for_long_is_one_entry_of_the_activity(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("long")
    for _ in range(3):
        desk.claim("long")
    desk.answer("long", human_feedback="Done")
    inbox = open_inbox("#request=long")
    trail = inbox.hook("hitl-trail").locator("li")
    expect(trail).to_have_count(3)


def test_what_a_program_claims_stays(desk: Desk, open_inbox: OpenInbox) -> None:
    desk.ask("claimed")
    desk.claim("claimed")
    inbox = open_inbox()
    claim = inbox.card("claimed").get_by_test_id("hitl-claim")
    expect(claim).to_contain_text("is looking at this.", timeout=CARD_MS)
