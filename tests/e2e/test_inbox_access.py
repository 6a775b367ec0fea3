"""The inbox by keyboard, for those who listen, and by the rules of WCAG 2.2 AA."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.axe import violations
from tests.e2e.inbox import CARD_MS, Desk, InboxPage, OpenInbox

PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}

WIDE: dict[str, Any] = {"viewport": {"width": 900, "height": 700}}


def fill(desk: Desk, mark: str) -> list[str]:
    """Ask one question of each look, and leave one answered."""
    source = {"crew_name": "Notes", "agent_role": "Writer", "notebook": "notes.ipynb"}
    reasons = {"review": True, "x" * 90: True}  # the second has nowhere to break
    flags = {"reason_flags": reasons, "source": source, "crew_id": "notes"}
    context = (
        "# Draft\n\nWords with `code`, a [link](https://example.org) and\n\n|a|b|\n|-|-|\n|1|2|"
    )
    tool = {"decisions": ["approve", "reject"]}
    desk.ask_all(
        [
            {"request_id": f"{mark}-answered", "prompt": "Was it good?", **flags},
            {"request_id": f"{mark}-draft", "context": context, **flags},
            {"request_id": f"{mark}-second", "context": context, **flags},
            {"request_id": f"{mark}-tool", "kind": "tool_approval", "response": tool},
        ]
    )
    desk.answer(f"{mark}-answered", human_feedback="Shorter, please")
    return [f"{mark}-{name}" for name in ("draft", "second", "tool")]


def states(inbox: InboxPage, mark: str) -> Iterator[str]:
    """Bring the page into one state after the other."""
    yield "pending"
    inbox.hook("hitl-filters").click()
    yield "filters"
    inbox.hook("hitl-search").fill("no such words")
    yield "nothing found"
    inbox.hook("hitl-nothing-found").get_by_role("button").click()
    inbox.hook("hitl-selecting").click()
    of_draft = f"[data-request-id='{mark}-draft'] [data-testid='hitl-select']"
    inbox.page.locator(of_draft).check()
    inbox.hook("hitl-select-all").click()
    yield "selecting"
    inbox.hook("hitl-bulk-cancel").click()
    expect(inbox.hook("hitl-selecting")).to_be_focused()
    for sheet in ("settings", "keys"):
        inbox.hook(f"hitl-open-{sheet}").click()
        yield sheet
        inbox.page.keyboard.press("Escape")
    inbox.hook("hitl-tab-history").click()
    inbox.entry(f"{mark}-answered").locator("summary").click()
    expect(inbox.hook("hitl-trail")).to_contain_text("Feedback sent")
    yield "history"


LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "light wide": {"color_scheme": "light", **WIDE},
    "dark wide": {"color_scheme": "dark", **WIDE},
    "wide in forced colours": {"color_scheme": "light", "forced_colors": "active", **WIDE},
    "light phone": {"color_scheme": "light", **PHONE},
    "light at 400 %": {"color_scheme": "light", "viewport": {"width": 308, "height": 600}},
    "dark phone": {"color_scheme": "dark", **PHONE},
    "forced colours": {"color_scheme": "light", "forced_colors": "active"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_no_state_of_the_page_breaks_wcag(desk: Desk, open_inbox: OpenInbox, look: str) -> None:
    fill(desk, look)
    inbox = open_inbox(reduced_motion="reduce", **LOOKS[look])
    expect(inbox.card(f"{look}-draft")).to_be_visible(timeout=CARD_MS)
    found = {}
    for state in states(inbox, look):
        if wrong := violations(inbox.page):
            found[state] = wrong
        wide: bool = inbox.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        assert not wide, f"{state} scrolls sideways"
    assert found == {}


def test_cards_are_gone_through_and_answered_by_keyboard(desk: Desk, open_inbox: OpenInbox) -> None:
    first, second, tool = fill(desk, "keys")
    inbox = open_inbox()
    expect(inbox.card(tool)).to_be_visible(timeout=CARD_MS)
    keyboard = inbox.page.keyboard
    keyboard.press("j")
    assert inbox.focused() == first
    keyboard.press("j")
    keyboard.press("j")
    keyboard.press("j")
    assert inbox.focused() == tool
    keyboard.press("k")
    assert inbox.focused() == second
    keyboard.press("r")
    keyboard.type("jk?h/ are letters here")
    expect(inbox.card(second).get_by_test_id("hitl-feedback")).to_have_value(
        "jk?h/ are letters here"
    )
    keyboard.press("Control+Enter")
    expect(inbox.card(second)).to_have_attribute("data-status", "answered")
    assert inbox.focused() == second
    keyboard.press("j")
    assert inbox.focused() == tool


def test_the_views_the_search_and_the_list_of_keys_have_keys(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    fill(desk, "views")
    inbox = open_inbox()
    view = inbox.hook("hitl-inbox")
    keyboard = inbox.page.keyboard
    keyboard.press("h")
    expect(view).to_have_attribute("data-view", "history")
    expect(inbox.entry("views-answered")).to_be_visible()
    keyboard.press("j")
    expect(inbox.hook("hitl-entry").first.locator("summary")).to_be_focused()
    keyboard.press("g")
    expect(view).to_have_attribute("data-view", "pending")
    keyboard.press("?")
    expect(inbox.hook("hitl-keys")).to_be_visible()
    keyboard.press("j")
    keyboard.press("Escape")
    expect(inbox.hook("hitl-keys")).to_have_count(0)
    keyboard.press("/")
    expect(inbox.hook("hitl-search")).to_be_focused()
    keyboard.type("views-tool")
    expect(inbox.hook("hitl-card")).to_have_count(1)
    keyboard.press("Escape")
    expect(inbox.hook("hitl-card")).to_have_count(3)


def test_a_new_question_is_announced_without_moving_the_focus(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    first, *_ = fill(desk, "announce")
    inbox = open_inbox()
    expect(inbox.card(first)).to_be_visible(timeout=CARD_MS)
    feedback = inbox.card(first).get_by_test_id("hitl-feedback")
    feedback.fill("Half a sent")
    desk.ask("announced", source={"agent_role": "Editor"})
    expect(inbox.hook("hitl-news")).to_have_text(
        "New question from Editor: Good, announced? 4 requests waiting.", timeout=CARD_MS
    )
    expect(feedback).to_be_focused()
    expect(feedback).to_have_value("Half a sent")


def test_text_from_right_to_left_stands_on_the_right(desk: Desk, open_inbox: OpenInbox) -> None:
    desk.ask("hebrew", prompt="האם הטיוטה טובה?")
    inbox = open_inbox()
    title = inbox.card("hebrew").get_by_test_id("hitl-title")
    expect(title).to_be_visible(timeout=CARD_MS)
    assert title.evaluate("one => getComputedStyle(one).direction") == "rtl"
