"""The inbox page from 900 pixels on: a dense list on the left, the open card on the right."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.inbox import CARD_MS, Desk, InboxPage, OpenInbox
from tests.e2e.live_objects import vnodes

WIDE: dict[str, Any] = {"viewport": {"width": 900, "height": 700}}

TOOL: dict[str, Any] = {
    "kind": "tool_approval",
    "response": {"decisions": ["approve", "reject"]},
}


def opened(inbox: InboxPage) -> str | None:
    """Return the request whose card is open."""
    (card,) = inbox.cards()
    return card


def expect_open(inbox: InboxPage, request_id: str) -> None:
    expect(inbox.card(request_id)).to_be_visible(timeout=CARD_MS)
    expect(inbox.row(request_id).locator("[aria-current=true]")).to_have_count(1)
    assert opened(inbox) == request_id


def rows(inbox: InboxPage) -> list[str]:
    """Return the requests of the list, from top to bottom."""
    return [str(row.get_attribute("data-request-id")) for row in inbox.hook("hitl-row").all()]


def ask_three(desk: Desk, mark: str, **fields: Any) -> list[str]:
    names = [f"{mark}-{number}" for number in range(3)]
    desk.ask_all([{"request_id": name, **fields} for name in names])
    return names


def test_the_list_is_beside_the_open_card_and_below_900_pixels_the_cards_are_one_below_the_other(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    first, *_ = ask_three(desk, "split")
    inbox = open_inbox(**WIDE)
    expect_open(inbox, first)
    assert rows(inbox) == ["split-0", "split-1", "split-2"]
    inbox.page.set_viewport_size({"width": 899, "height": 700})
    expect(inbox.hook("hitl-card")).to_have_count(3)
    expect(inbox.hook("hitl-row")).to_have_count(0)


def test_a_row_says_what_it_is_about_who_asks_and_until_when(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    soon = (datetime.now(timezone.utc) + timedelta(minutes=30)).isoformat()
    source = {"crew_name": "Newsroom", "agent_role": "Writer", "task_name": "note"}
    desk.ask("row", prompt="Which table is it?", kind="question", source=source, expires_at=soon)
    desk.ask_all([{"request_id": f"twin-{n}", "prompt": "Good?", "source": source} for n in (1, 2)])
    inbox = open_inbox(**WIDE)
    row = inbox.row("row")
    for words in ("Which table is it?", "Writer", "Newsroom", "note", "min left", "just now"):
        expect(row).to_contain_text(words, timeout=CARD_MS)
    texts = [inbox.row(f"twin-{n}").inner_text() for n in (1, 2)]
    assert texts[0] != texts[1]


def test_after_an_answer_the_next_one_opens_with_the_focus(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    first, second, third = ask_three(desk, "next")
    inbox = open_inbox(**WIDE)
    expect_open(inbox, first)
    keyboard = inbox.page.keyboard
    keyboard.press("j")
    assert inbox.focused() == first
    keyboard.press("a")
    expect(inbox.card(first).get_by_test_id("hitl-undo")).to_be_visible()
    keyboard.press("Escape")
    expect(inbox.card(first).get_by_test_id("hitl-accept")).to_be_focused()
    keyboard.press("a")
    keyboard.press("Enter")
    expect_open(inbox, second)
    assert inbox.focused() == second
    expect(inbox.row(first)).to_have_attribute("data-status", "answered")
    expect(inbox.hook("hitl-last-answer")).to_contain_text("Accepted by you")
    inbox.hold_decisions(0)
    keyboard.press("j")
    assert inbox.focused() == third
    keyboard.press("a")  # the last one: then the one above opens
    expect_open(inbox, second)
    assert inbox.focused() == second
    assert desk.pending() == [second]


def test_an_approval_that_is_held_can_be_undone_after_another_row_was_open(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    first, second, _ = ask_three(desk, "held")
    inbox = open_inbox(**WIDE)
    expect_open(inbox, first)
    inbox.hold_decisions(60_000)
    inbox.page.keyboard.press("j")
    inbox.page.keyboard.press("a")
    expect(inbox.card(first).get_by_test_id("hitl-undo")).to_be_visible()
    inbox.row(second).locator("[data-row]").click()
    expect_open(inbox, second)
    inbox.row(first).locator("[data-row]").click()
    expect(inbox.card(first).get_by_test_id("hitl-undo")).to_be_visible()
    inbox.page.set_viewport_size({"width": 899, "height": 700})
    inbox.card(first).get_by_test_id("hitl-undo").click()
    expect(inbox.card(first).get_by_test_id("hitl-accept")).to_be_enabled()
    assert first in desk.pending()


def test_the_open_record_stays_open_however_many_others_are_answered(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    names = [f"aging-{number:02}" for number in range(24)]
    desk.ask_all([{"request_id": name} for name in names])
    inbox = open_inbox(**WIDE)
    expect_open(inbox, names[0])
    for name in names[:22]:
        desk.answer(name, human_feedback="Fine")
    expect(inbox.row(names[1])).to_have_count(0)
    expect_open(inbox, names[0])


@pytest.mark.parametrize("busy_ms", [0, 700])
def test_a_key_pressed_twice_does_not_decide_about_the_next_request(
    desk: Desk, open_inbox: OpenInbox, busy_ms: int
) -> None:
    first, second, third = ask_three(desk, f"twice-{busy_ms}", **TOOL)
    inbox = open_inbox(**WIDE)
    expect_open(inbox, first)
    inbox.page.evaluate(
        """([id, busy]) => new MutationObserver(() => {
          const card = document.querySelector('[data-testid=hitl-card]');
          if (card?.dataset.requestId !== id || card.dataset.hit) return;
          card.dataset.hit = 'yes';
          queueMicrotask(() => {
            const init = { key: 'x', bubbles: true, cancelable: true };
            const key = new KeyboardEvent('keydown', init);
            const click = new MouseEvent('click', init);
            const start = performance.now();
            while (performance.now() - start < busy);  // nobody has seen the card so far
            card.dispatchEvent(key);
            card.querySelector('[data-testid=hitl-reject]')?.dispatchEvent(click);
          });
        }).observe(document, { subtree: true, childList: true })""",
        [second, busy_ms],
    )
    inbox.page.keyboard.press("j")
    inbox.page.keyboard.press("x")
    expect_open(inbox, second)
    expect(inbox.card(second)).to_have_attribute("data-hit", "yes")
    assert desk.pending() == [second, third]


def test_the_list_is_gone_through_by_arrows_and_only_one_row_is_in_the_tab_order(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    first, second, third = ask_three(desk, "arrows")
    inbox = open_inbox(**WIDE)
    expect_open(inbox, first)
    inbox.row(first).locator("[data-row]").focus()
    for key, request_id in (
        ("ArrowDown", second),
        ("End", third),
        ("ArrowUp", second),
        ("Home", first),
    ):
        inbox.page.keyboard.press(key)
        expect_open(inbox, request_id)
        expect(inbox.row(request_id).locator("[data-row]")).to_be_focused()
    assert inbox.page.locator("[data-row][tabindex='0']").count() == 1
    inbox.page.keyboard.press("Enter")
    assert inbox.focused() == first
    expect(inbox.card(first)).to_be_focused()


def test_an_open_card_stays_when_others_come_and_when_somebody_else_closes_it(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    _, second, _ = ask_three(desk, "stays")
    inbox = open_inbox(**WIDE)
    inbox.row(second).locator("[data-row]").click()
    feedback = inbox.card(second).get_by_test_id("hitl-feedback")
    feedback.fill("Half a sent")
    desk.ask("newer")
    expect(inbox.row("newer")).to_be_visible(timeout=CARD_MS)
    expect(feedback).to_be_focused()
    desk.answer(second, human_feedback="Mine")
    expect(inbox.card(second)).to_have_attribute("data-status", "answered")
    assert opened(inbox) == second


def test_the_order_is_remembered_and_the_search_says_how_many_it_found(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    later = (datetime.now(timezone.utc) + timedelta(hours=2)).isoformat()
    desk.ask("no-deadline", source={"crew_name": "Zebra"})
    desk.ask("deadline", source={"crew_name": "Yak"}, expires_at=later)
    desk.ask("newest", source={"crew_name": "Aardvark"})
    inbox = open_inbox(**WIDE)
    expect_open(inbox, "no-deadline")
    order = inbox.hook("hitl-order")
    for label, expected in {
        "By crew": ["newest", "deadline", "no-deadline"],
        "Newest first": ["newest", "deadline", "no-deadline"],
        "Deadline first": ["deadline", "no-deadline", "newest"],
    }.items():
        order.select_option(label=label)
        expect(inbox.hook("hitl-row").first).to_have_attribute("data-request-id", expected[0])
        assert rows(inbox) == expected
    expect_open(inbox, "no-deadline")  # what was open stays open
    inbox.page.reload()
    expect(inbox.hook("hitl-row").first).to_have_attribute(
        "data-request-id", "deadline", timeout=CARD_MS
    )
    expect(inbox.hook("hitl-found")).to_have_text("3 requests")
    inbox.hook("hitl-search").fill("zebra")
    expect(inbox.hook("hitl-found")).to_have_text("1 of 3")
    expect_open(inbox, "no-deadline")


def test_several_are_decided_at_once_in_the_list(desk: Desk, open_inbox: OpenInbox) -> None:
    names = ask_three(desk, "bulk", **TOOL)
    inbox = open_inbox(**WIDE)
    expect_open(inbox, names[0])
    inbox.hook("hitl-selecting").click()
    inbox.row(names[1]).get_by_test_id("hitl-select").check()
    inbox.hook("hitl-select-all").click()
    inbox.hook("hitl-bulk-reject").click()
    inbox.hook("hitl-bulk-send").click()
    expect(inbox.hook("hitl-outcome-of")).to_have_count(3)
    inbox.hook("hitl-bulk-done").click()
    assert desk.pending() == []


def test_five_hundred_rows_lead_to_the_last_one(desk: Desk, open_inbox: OpenInbox) -> None:
    desk.ask_all([{"request_id": f"rows-{number:03}"} for number in range(500)])
    inbox = open_inbox(**WIDE)
    expect(inbox.hook("hitl-found")).to_have_text("500 requests", timeout=CARD_MS)
    assert inbox.hook("hitl-row").count() < 200
    assert inbox.hook("hitl-card").count() == 1
    last = inbox.row("rows-499")
    while last.count() == 0:
        inbox.hook("hitl-row").last.scroll_into_view_if_needed()
    last.locator("[data-row]").click()
    expect_open(inbox, "rows-499")


@pytest.mark.parametrize("width", [860, 1100])
def test_the_search_stays_in_sight(desk: Desk, open_inbox: OpenInbox, width: int) -> None:
    desk.ask_all([{"request_id": f"sticky-{width}-{number}"} for number in range(30)])
    inbox = open_inbox(viewport={"width": width, "height": 600})
    row = inbox.hook("hitl-row" if width >= 900 else "hitl-card").nth(20)
    row.scroll_into_view_if_needed(timeout=CARD_MS)
    expect(row).to_be_in_viewport()
    expect(inbox.hook("hitl-search")).to_be_in_viewport(ratio=1)


def test_a_card_that_was_left_stays_in_no_memory(desk: Desk, open_inbox: OpenInbox) -> None:
    names = [f"left-{number:02}" for number in range(24)]
    desk.ask_all([{"request_id": name, "context": "# Draft\n\nTea."} for name in names])
    inbox = open_inbox(**WIDE)

    def look_at(some: list[str]) -> int:
        for name in [*some, names[0]]:
            inbox.row(name).locator("[data-row]").click(timeout=CARD_MS)
            expect(inbox.card(name)).to_be_visible(timeout=CARD_MS)
        return vnodes(inbox.page)

    few = look_at(names[:4])
    assert few > 0
    assert look_at(names[4:]) - few < 10 * len(names[4:]), "a card has about 200"
