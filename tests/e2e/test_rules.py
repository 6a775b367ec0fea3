"""Rules for tools in a browser: made beside Allow, shown on each call, revoked there or listed."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.axe import violations
from tests.e2e.camera import picture
from tests.e2e.inbox import CARD_MS, Desk, OpenInbox

CONTEXT = '**Tool** `send_mail`\n\nSend a mail\n\n**Arguments**\n\n```json\n{"to": "bob"}\n```'


def gated(desk: Desk, request_id: str, **fields: Any) -> str:
    """Ask whether a tool may be called, as a gate does."""
    given: dict[str, Any] = {
        "prompt": "May Clerk call send_mail?",
        "kind": "tool_approval",
        "execution_id": "run-1",
        "context": CONTEXT,
        "source": {"notebook": "mail.ipynb", "agent_role": "Clerk", "crew_name": "Mailers"},
        "response": {"decisions": ["approve", "reject"]},
        "call": {"tool": "send_mail", "arguments": '{"to":"bob"}'},
    }
    return desk.ask(request_id, **{**given, **fields})


LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}},
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_rule_is_made_beside_allow_and_revoked_on_a_call_that_it_allowed(
    desk: Desk, open_inbox: OpenInbox, look: str
) -> None:
    first, second, third = (f"{look}-{name}" for name in ("one", "two", "three"))
    run = {"execution_id": f"run-{look}"}
    gated(desk, first, **run)
    inbox = open_inbox(**LOOKS[look])
    inbox.hold_decisions(0)
    card = inbox.card(first)
    menu = card.get_by_test_id("hitl-rule-menu")
    expect(menu.get_by_test_id("hitl-allow-run")).to_be_hidden(timeout=CARD_MS)
    picture(card, f"rule-closed-{look}.png")
    menu.locator("summary").click()
    assert menu.get_by_role("button").all_inner_texts() == [
        "Allow this tool for the rest of this run",
        "Allow this tool with these arguments, for the rest of this run",
        "Allow this tool for this agent in this notebook",
    ]
    assert violations(inbox.page) == []
    picture(card, f"rule-menu-{look}.png")
    menu.get_by_test_id("hitl-allow-run").click()
    expect(card.get_by_test_id("hitl-rule")).to_contain_text("for the rest of this run")

    gated(desk, second, **run)
    card = inbox.card(second)
    record = card.get_by_test_id("hitl-record")
    expect(record).to_contain_text("Allowed by your rule", timeout=CARD_MS)
    assert violations(inbox.page) == []
    picture(card, f"rule-allowed-{look}.png")
    card.get_by_test_id("hitl-revoke").click()
    expect(card.get_by_test_id("hitl-rule")).to_contain_text("The rule is revoked")
    gated(desk, third, **run)
    expect(inbox.card(third).get_by_test_id("hitl-accept")).to_be_visible(timeout=CARD_MS)


def test_a_card_says_that_somebody_else_revoked_its_rule(desk: Desk, open_inbox: OpenInbox) -> None:
    run = {"execution_id": "run-shared"}
    gated(desk, "shared-one", **run)
    ada, grace = open_inbox(), open_inbox()
    ada.hold_decisions(0)
    card = ada.card("shared-one")
    card.get_by_test_id("hitl-rule-menu").locator("summary").click(timeout=CARD_MS)
    card.get_by_test_id("hitl-allow-run").click()
    expect(card).to_have_attribute("data-status", "answered")
    gated(desk, "shared-two", **run)
    grace.hook("hitl-open-rules").click()
    seen = ada.card("shared-two").get_by_test_id("hitl-rule")
    expect(seen.get_by_test_id("hitl-revoke")).to_be_visible(timeout=CARD_MS)
    grace.hook("hitl-rule-row").get_by_test_id("hitl-revoke").click()
    for note in (seen, card.get_by_test_id("hitl-rule")):
        expect(note).to_contain_text("The rule is revoked", timeout=CARD_MS)
        expect(note.get_by_test_id("hitl-revoke")).to_have_count(0)


@pytest.mark.parametrize("look", LOOKS)
def test_the_list_of_rules_shows_each_and_revokes_it(
    desk: Desk, open_inbox: OpenInbox, look: str
) -> None:
    inbox = open_inbox(**LOOKS[look])
    inbox.hold_decisions(0)
    for scope in ("arguments", "notebook"):
        name = gated(desk, f"{look}-{scope}", execution_id=f"run-{look}-{scope}")
        menu = inbox.card(name).get_by_test_id("hitl-rule-menu")
        menu.locator("summary").click(timeout=CARD_MS)
        menu.get_by_test_id(f"hitl-allow-{scope}").click()
        expect(inbox.card(name)).to_have_attribute("data-status", "answered")
    inbox.hook("hitl-open-rules").click()
    rows = inbox.hook("hitl-rule-row")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text('{"to":"bob"}')
    expect(rows.nth(1)).to_contain_text("mail.ipynb")
    assert violations(inbox.page) == []
    picture(inbox.hook("hitl-rules"), f"rules-{look}.png")
    for left in (1, 0):
        rows.nth(0).get_by_test_id("hitl-revoke").click()
        expect(rows).to_have_count(left)
    expect(inbox.hook("hitl-no-rules")).to_be_visible()
    in_the_dialog = "document.querySelector('[data-testid=hitl-rules] :focus') !== null"
    assert inbox.page.evaluate(in_the_dialog), "the focus went with the button"


def test_a_rule_is_said_while_it_can_be_undone(desk: Desk, open_inbox: OpenInbox) -> None:
    gated(desk, "slip", execution_id="run-slip")
    inbox = open_inbox()
    inbox.hold_decisions(60_000)
    card = inbox.card("slip")
    menu = card.get_by_test_id("hitl-rule-menu")
    menu.locator("summary").click(timeout=CARD_MS)
    menu.get_by_test_id("hitl-allow-run").click()
    expect(card.get_by_test_id("hitl-held")).to_contain_text("for the rest of this run…")
    card.get_by_test_id("hitl-undo").click()
    expect(menu.locator("summary")).to_be_focused()
    assert desk.request("slip")["status"] == "pending"


def test_a_question_for_a_named_person_offers_no_rule(desk: Desk, open_inbox: OpenInbox) -> None:
    gated(desk, "named", assignee="ada")
    inbox = open_inbox()
    card = inbox.card("named")
    expect(card.get_by_test_id("hitl-accept")).to_be_visible(timeout=CARD_MS)
    expect(card.get_by_test_id("hitl-rule-menu")).to_have_count(0)
