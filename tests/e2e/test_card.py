"""The card's own ways to answer, in a real browser with a real server.

Forms with the server's word on each field, edits with their difference, the moment to undo,
drafts that survive, formulas; and axe-core's word on each of these looks. The cards stand on
the inbox page, which needs no kernel; they are the same everywhere.
"""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.axe import violations
from tests.e2e.inbox import CARD_MS, Desk, InboxPage, OpenInbox

DRAFT = "The quick brown fox jumps.\n\nIt costs $c = 1.15 \\cdot h$ in all."
REVIEW = {
    "draft": DRAFT,
    "context": f"{DRAFT}\n\n---\n\n**Task**\n\nA note on foxes",
    "response": {"decisions": ["approve", "respond", "edit", "reject"]},
}
BOOKING = {
    "type": "object",
    "properties": {
        "guest": {"type": "string", "minLength": 2, "description": "As in the passport"},
        "email": {"type": "string", "format": "email"},
        "nights": {"type": "integer", "minimum": 1, "maximum": 14, "default": 3},
        "arrival": {"type": "string", "format": "date"},
        "wake": {"type": "string", "format": "time"},
        "leaving": {"type": "string", "format": "date-time"},
        "room": {"type": "string", "enum": ["s", "d"], "enumNames": ["Single", "Double"]},
        "extras": {"type": "array", "items": {"type": "string", "enum": ["breakfast", "parking"]}},
        "smoker": {"type": "boolean"},
    },
    "required": ["guest", "email", "nights", "extras"],
}
FORM = {"kind": "question", "response": {"decisions": ["respond"], "schema": BOOKING}}
ARGUMENTS = {
    "type": "object",
    "properties": {
        "table": {"type": "string", "default": "customers"},
        "limit": {"type": "integer", "default": 1000},
    },
    "required": ["table", "limit"],
}
CALL = {
    "kind": "tool_approval",
    "prompt": "May delete_rows be called?",
    "context": "**delete_rows**\n\n```json\n"
    f'{{"table": "customers", "limit": 1000, "ids": {list(range(30))}, "keep": [1]}}\n```',
    "response": {"decisions": ["approve", "reject", "edit"], "schema": ARGUMENTS},
}


STEPS = [
    {"number": 4, "kind": "model", "name": "gpt-4o"},
    {
        "number": 5,
        "kind": "tool",
        "name": "count",
        "input": '{ "a": "<b>" }',
        "output": "1,000",
    },
]
WIDE = 900
"""From this width on a page shows one card beside a list."""


def ask(desk: Desk, inbox: InboxPage, request_id: str, fields: dict[str, Any]) -> Locator:
    """Publish a question and return its card when it can be answered."""
    desk.ask(request_id, **fields)
    if (inbox.page.viewport_size or {"width": 0})["width"] >= WIDE:
        inbox.row(request_id).locator("[data-row]").click(timeout=CARD_MS)
    card = inbox.card(request_id)
    expect(card).to_have_attribute("data-status", "pending", timeout=CARD_MS)
    return card


def field(card: Locator, name: str) -> Locator:
    """Return the input of a form's field."""
    return card.get_by_test_id(f"hitl-field-{name}").locator("input, select, textarea").first


def test_the_steps_of_the_agent_are_folded_beside_its_question(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    card = ask(desk, inbox, "steps", {**CALL, "steps": STEPS})
    steps = card.get_by_test_id("hitl-steps")
    expect(steps.locator("li")).to_have_count(0)
    steps.get_by_text("Steps so far (5)").click()
    expect(steps.locator("li")).to_have_text(
        ["Asked the model gpt-4o", 'Called count { "a": "<b>" }1,000']
    )
    assert steps.locator("ol").get_attribute("start") == "4"
    assert violations(inbox.page) == []


def completion(desk: Desk, request_id: str) -> dict[str, Any]:
    """Return what the log says closed the request."""
    closed: dict[str, Any] = desk.request(request_id)["completion"]
    return closed


def test_a_default_that_a_person_empties_goes_and_a_time_needs_no_zone(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    properties = {
        "limit": {"type": "integer", "default": 10},
        "due": {"type": "string", "format": "date", "default": "2026-05-01"},
        "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "at": {"type": "string", "format": "time-local"},
        "since": {"type": "string", "format": "date-time-local", "default": "2026-05-01T10:00:00"},
    }
    response = {"decisions": ["respond"], "schema": {"type": "object", "properties": properties}}
    card = ask(desk, open_inbox(), "card-emptied", {"kind": "question", "response": response})
    field(card, "limit").fill("")
    field(card, "due").fill("")
    card.get_by_test_id("hitl-field-colour").get_by_text("No answer").click()
    field(card, "at").fill("10:00")
    field(card, "since").fill("2026-05-02T09:30")
    expect(card.get_by_test_id("hitl-field-at")).to_contain_text("without a time zone")
    card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered")
    assert completion(desk, "card-emptied")["values"] == {
        "limit": None,
        "due": None,
        "colour": None,
        "at": "10:00:00",
        "since": "2026-05-02T09:30",
    }


def test_a_form_says_what_the_server_finds_wrong_and_keeps_the_rest(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    card = ask(desk, open_inbox(), "card-form", FORM)
    field(card, "guest").fill("A")
    field(card, "email").fill("nobody")
    field(card, "arrival").fill("2026-12-24")
    field(card, "wake").fill("07:30")
    field(card, "leaving").fill("2026-12-27T10:00")
    card.get_by_test_id("hitl-field-room").get_by_text("Double").click()
    card.get_by_test_id("hitl-field-extras").get_by_text("parking").click()
    card.get_by_test_id("hitl-field-smoker").get_by_text("No").click()
    card.get_by_test_id("hitl-send").click()
    expect(card.get_by_test_id("hitl-field-guest")).to_contain_text(
        "must have at least 2 characters"
    )
    expect(card.get_by_test_id("hitl-field-email")).to_contain_text("must be an email address")
    expect(field(card, "guest")).to_be_focused()
    expect(field(card, "guest")).to_have_attribute("aria-invalid", "true")
    expect(field(card, "arrival")).to_have_value("2026-12-24")
    expect(card).to_have_attribute("data-status", "pending")
    field(card, "guest").fill("Ada")
    field(card, "email").fill("ada@example.org")
    card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered")
    values = completion(desk, "card-form")["values"]
    assert values["leaving"].endswith("Z")
    assert {name: values[name] for name in values if name not in ("leaving", "wake")} == {
        "guest": "Ada",
        "email": "ada@example.org",
        "nights": 3,
        "arrival": "2026-12-24",
        "room": "d",
        "extras": ["parking"],
        "smoker": False,
    }
    expect(card.get_by_test_id("hitl-values")).to_contain_text("Double")


def test_a_draft_is_edited_in_place_and_survives_a_reload(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.hold_decisions(0)
    card = ask(desk, inbox, "card-edit", REVIEW)
    card.get_by_test_id("hitl-edit").click()
    editor = card.get_by_test_id("hitl-editor")
    expect(editor).to_be_focused()
    editor.fill(DRAFT.replace("brown", "red"))
    expect(card.locator("del")).to_have_text("brown")
    expect(card.locator("ins")).to_have_text("red")
    inbox.page.reload()
    expect(card).to_have_attribute("data-status", "pending", timeout=CARD_MS)
    expect(editor).to_have_value(DRAFT.replace("brown", "red"))
    editor.press("Control+Enter")
    expect(card).to_have_attribute("data-status", "answered")
    assert completion(desk, "card-edit")["decision"] == "edit"
    assert completion(desk, "card-edit")["human_feedback"] == DRAFT.replace("brown", "red")
    expect(card.get_by_test_id("hitl-record").locator("ins")).to_have_text("red")


def test_a_tools_arguments_are_changed_before_it_is_allowed(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.hold_decisions(0)
    card = ask(desk, inbox, "card-call", CALL)
    expect(card.get_by_test_id("hitl-context")).to_contain_text('"limit": 1000')
    expect(card.get_by_text("30 items")).to_be_visible()
    expect(card.get_by_text("1 item ]")).to_be_hidden()
    card.get_by_test_id("hitl-edit").click()
    field(card, "limit").fill("many")
    card.get_by_test_id("hitl-send").click()
    expect(card.get_by_test_id("hitl-field-limit")).to_contain_text("must be a whole number")
    field(card, "limit").fill("10")
    card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered")
    assert completion(desk, "card-call")["values"] == {"table": "customers", "limit": 10}


def test_an_approval_can_be_taken_back_and_then_goes_by_itself(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.hold_decisions(60_000)
    card = ask(desk, inbox, "card-undo", REVIEW)
    card.get_by_test_id("hitl-accept").click()
    expect(card.get_by_test_id("hitl-held")).to_contain_text("Accepting")
    card.get_by_test_id("hitl-undo").click()
    expect(card.get_by_test_id("hitl-accept")).to_be_focused()
    assert desk.request("card-undo")["status"] == "pending"
    inbox.hold_decisions(100)
    card.get_by_test_id("hitl-accept").click()
    expect(card).to_have_attribute("data-status", "answered")
    assert completion(desk, "card-undo")["decision"] == "approve"


def test_an_outcome_can_be_taken_back_and_keeps_its_comment(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.hold_decisions(60_000)
    response = {"decisions": ["respond"], "options": ["publish", "revise"]}
    card = ask(desk, inbox, "card-outcome", {"kind": "flow_feedback", "response": response})
    card.get_by_test_id("hitl-feedback").fill("Well done")
    publish = card.get_by_test_id("hitl-outcome").first
    publish.click()
    expect(card.get_by_test_id("hitl-held")).to_contain_text("Sending “publish”")
    card.get_by_test_id("hitl-undo").click()
    expect(publish).to_be_focused()
    expect(card.get_by_test_id("hitl-feedback")).to_have_value("Well done")
    assert desk.request("card-outcome")["status"] == "pending"
    publish.click()
    inbox.page.keyboard.press("Enter")
    expect(card).to_have_attribute("data-status", "answered")
    said = completion(desk, "card-outcome")
    assert (said["options"], said["human_feedback"]) == (["publish"], "Well done")


def test_an_edit_can_be_taken_back_and_stays_in_the_editor(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.hold_decisions(60_000)
    card = ask(desk, inbox, "card-edit-undo", REVIEW)
    card.get_by_test_id("hitl-edit").click()
    card.get_by_test_id("hitl-editor").fill("The red fox jumps.")
    card.get_by_test_id("hitl-send").click()
    expect(card.get_by_test_id("hitl-held")).to_contain_text("Accepting with edits")
    inbox.page.keyboard.press("Escape")
    expect(card.get_by_test_id("hitl-send")).to_be_focused()
    expect(card.get_by_test_id("hitl-editor")).to_have_value("The red fox jumps.")
    assert desk.request("card-edit-undo")["status"] == "pending"


def test_a_call_is_refused_first_and_no_double_click_allows_it_at_once(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.hold_decisions(60_000)
    card = ask(desk, inbox, "card-weight", CALL)
    buttons = card.locator(".chitl-actions button")
    expect(buttons).to_have_text(["Refuse", "Change arguments", "Allow"])
    places = [button.bounding_box() for button in buttons.all()]
    lefts = [place["x"] for place in places if place]
    assert len(lefts) == 3
    assert lefts == sorted(lefts)
    colour = "button => getComputedStyle(button).backgroundColor"
    assert len({button.evaluate(colour) for button in buttons.all()}) == 1
    card.get_by_test_id("hitl-feedback").focus()
    for hook in ("hitl-reject", "hitl-edit", "hitl-accept"):
        inbox.page.keyboard.press("Tab")
        expect(card.get_by_test_id(hook)).to_be_focused()
    card.get_by_test_id("hitl-accept").dblclick()
    expect(card.get_by_test_id("hitl-held")).to_contain_text("Allowing")
    assert desk.request("card-weight")["status"] == "pending"
    card.get_by_test_id("hitl-reject").click()
    expect(card).to_have_attribute("data-status", "answered")
    assert completion(desk, "card-weight")["decision"] == "reject"


def test_a_refusal_goes_at_once_also_in_place_of_an_approval(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    inbox.hold_decisions(60_000)
    card = ask(desk, inbox, "card-refused", REVIEW)
    card.get_by_test_id("hitl-feedback").fill("Not a fox")
    card.get_by_test_id("hitl-accept").click()
    expect(card.get_by_test_id("hitl-undo")).to_be_visible()
    card.get_by_test_id("hitl-reject").click()
    expect(card).to_have_attribute("data-status", "answered")
    said = completion(desk, "card-refused")
    assert (said["decision"], said["human_feedback"]) == ("reject", "Not a fox")


def test_an_approval_that_is_held_elsewhere_does_not_overtake_a_refusal(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    first, second = open_inbox(), open_inbox()
    for inbox in (first, second):
        inbox.hold_decisions(60_000)
    allowing = ask(desk, first, "card-both", REVIEW)
    refusing = second.card("card-both")
    allowing.get_by_test_id("hitl-accept").click()
    expect(allowing.get_by_test_id("hitl-undo")).to_be_visible()
    refusing.get_by_test_id("hitl-reject").click()
    expect(allowing).to_have_attribute("data-status", "answered")
    expect(allowing.get_by_test_id("hitl-error")).to_contain_text("was not sent")
    assert completion(desk, "card-both")["decision"] == "reject"


def test_an_approval_is_sent_when_the_page_is_left(desk: Desk, open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    inbox.hold_decisions(60_000)
    card = ask(desk, inbox, "card-left", REVIEW)
    card.get_by_test_id("hitl-accept").click()
    expect(card.get_by_test_id("hitl-undo")).to_be_visible()
    inbox.page.goto("about:blank")
    other = open_inbox("?request=card-left")
    left = other.card("card-left")
    expect(left).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    assert completion(desk, "card-left")["decision"] == "approve"


def test_long_answers_that_wait_together_are_all_sent_when_the_page_is_left(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    """A browser sends at most 64 KiB from a page that is left, in all its calls together."""
    inbox = open_inbox()
    inbox.hold_decisions(60_000)
    for request_id in ("card-long-1", "card-long-2"):
        card = ask(desk, inbox, request_id, REVIEW)
        card.get_by_test_id("hitl-edit").click()
        card.get_by_test_id("hitl-editor").fill("A long answer. " * 2500)
        card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered")
    inbox.page.goto("about:blank")
    other = open_inbox("?request=card-long-1")
    left = other.card("card-long-1")
    expect(left).to_have_attribute("data-status", "answered", timeout=CARD_MS)


def test_who_was_faster_is_named_and_ones_own_words_can_be_copied(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox(permissions=["clipboard-read", "clipboard-write"])
    inbox.hold_decisions(60_000)
    card = ask(desk, inbox, "card-late", REVIEW)
    card.get_by_test_id("hitl-feedback").fill("My careful words")
    card.get_by_test_id("hitl-accept").click()
    desk.answer("card-late", human_feedback="Shorter, please", via="cli")
    expect(card.get_by_test_id("hitl-error")).to_contain_text("was not sent")
    expect(card.get_by_test_id("hitl-record")).to_contain_text("via the command line")
    expect(card.get_by_test_id("hitl-record")).not_to_contain_text("by you")
    expect(card.get_by_test_id("hitl-own-text")).to_have_text("My careful words")
    card.get_by_test_id("hitl-copy").click()
    expect(card).to_contain_text("Copied")
    assert inbox.page.evaluate("navigator.clipboard.readText()") == "My careful words"


def test_the_keyboard_alone_reads_edits_and_decides(desk: Desk, open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    inbox.hold_decisions(60_000)
    card = ask(desk, inbox, "card-keys", REVIEW)
    keyboard = inbox.page.keyboard
    card.focus()
    keyboard.press("r")
    expect(card.get_by_test_id("hitl-feedback")).to_be_focused()
    keyboard.type("area")
    expect(card.get_by_test_id("hitl-feedback")).to_have_value("area")
    keyboard.press("Escape")
    expect(card).to_be_focused()
    keyboard.press("e")
    expect(card.get_by_test_id("hitl-editor")).to_be_focused()
    keyboard.press("Escape")
    keyboard.press("e")
    expect(card.get_by_test_id("hitl-editor")).to_have_count(0)
    card.focus()
    keyboard.press("a")
    expect(card.get_by_test_id("hitl-send-now")).to_be_focused()
    keyboard.press("Escape")
    expect(card.get_by_test_id("hitl-accept")).to_be_focused()
    keyboard.press("a")
    keyboard.press("Enter")
    expect(card).to_have_attribute("data-status", "answered")
    expect(card).to_be_focused()
    assert completion(desk, "card-keys")["decision"] == "approve"


def test_a_long_text_shows_its_beginning_and_then_all_of_it_in_its_place(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    short = ask(desk, inbox, "card-short", {"context": "One line."})
    expect(short.get_by_test_id("hitl-context")).to_contain_text("One line.")
    expect(short.get_by_test_id("hitl-show-all")).to_have_count(0)

    draft = "\n\n".join(f"Paragraph {number}." for number in range(60))
    card = ask(
        desk, inbox, "card-tall", {"context": f"{draft}\n\n[Where it ends](https://example.com/)"}
    )
    text, button = card.get_by_test_id("hitl-context"), card.get_by_test_id("hitl-show-all")
    heights = "box => [box.clientHeight, box.scrollHeight]"
    expect(button).to_have_text("Show all")
    shown, whole = text.evaluate(heights)
    assert shown < 450 < whole
    button.click()
    expect(button).to_have_text("Show less")
    shown, whole = text.evaluate(heights)
    assert shown == whole
    button.click()
    expect(button).to_have_text("Show all")
    card.get_by_role("link", name="Where it ends").focus()  # as Tab does
    expect(button).to_have_text("Show less")


def test_a_formula_is_drawn_by_what_the_server_itself_holds(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    fetched: list[str] = []
    inbox.page.on("request", lambda request: fetched.append(request.url))
    plain = ask(desk, inbox, "card-plain", {"context": "It costs $5."})
    expect(plain.get_by_test_id("hitl-context")).to_contain_text("$5")
    assert not [url for url in fetched if "maths" in url]
    card = ask(desk, inbox, "card-maths", REVIEW)
    expect(card.locator("math")).to_have_count(1)
    assert all(url.startswith((desk.server.url, "blob:", "data:")) for url in fetched)


TABLE = {
    "context": "The orders:\n\n| id | total |\n|---|---|\n| 0 | 0 |\n\n[Table](attachment:orders)",
    "attachments": {
        "orders": {
            "application/vnd.dataresource+json": {
                "schema": {
                    "fields": [
                        {"name": "id", "type": "integer", "dtype": "int64"},
                        {"name": "total", "type": "number", "dtype": "float64"},
                        {"name": "customer", "type": "string", "dtype": "str"},
                    ]
                },
                "index": ["id"],
                "total": {"rows": 12_000, "columns": 2},
                "data": [
                    {"id": n, "total": 45.5 - n if n % 7 else "NaN", "customer": f"Customer {n}"}
                    for n in range(45)
                ],
            }
        }
    },
}


def test_a_data_frame_is_drawn_by_what_the_server_itself_holds(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    inbox = open_inbox()
    fetched: list[str] = []
    inbox.page.on("request", lambda request: fetched.append(request.url))
    card = ask(desk, inbox, "card-table", TABLE)
    expect(card.get_by_test_id("hitl-table-extent")).to_have_text(
        "First 45 of 12,000 rows, 2 columns"
    )
    expect(card.locator("table")).to_have_count(1)
    card.get_by_test_id("hitl-table-sort").nth(1).click()
    expect(card.locator("tbody tr").first).to_have_text("441.5Customer 44")
    inbox.page.set_viewport_size({"width": 1000, "height": 400})
    card.get_by_test_id("hitl-show-all").click()
    card.get_by_test_id("hitl-table-next").click()  # at its foot: its head is out of sight
    expect(card.locator("tbody tr").first).to_be_in_viewport()
    card.get_by_test_id("hitl-table-find").fill("customer 4")
    expect(card.get_by_test_id("hitl-table-found")).to_contain_text("6 found")
    card.get_by_test_id("hitl-table-find").press("a")  # no key of the card
    expect(card).to_have_attribute("data-status", "pending")
    assert all(url.startswith((desk.server.url, "blob:", "data:")) for url in fetched)


LOOKS = [
    "table",
    "review",
    "editing",
    "held",
    "rounds",
    "form",
    "wrong",
    "call",
    "outcomes",
    "record",
]


def show(desk: Desk, inbox: InboxPage, look: str, request_id: str) -> Locator:
    """Bring a card into a look and return it."""
    history = [{"draft": "The slow brown fox jumps.", "feedback": "Quicker, please"}]
    outcomes = {"decisions": ["respond"], "options": ["publish", "revise"]}
    fields: dict[str, dict[str, Any]] = {
        "table": TABLE,
        "rounds": {**REVIEW, "history": history, "round": 2},
        "form": FORM,
        "wrong": FORM,
        "call": CALL,
        "outcomes": {"kind": "flow_feedback", "response": outcomes},
    }
    late = {"expires_at": "2999-01-01T00:00:00Z", "remind_at": "2026-01-01T00:00:00Z"}
    card = ask(desk, inbox, request_id, {**late, **fields.get(look, REVIEW)})
    match look:
        case "table":
            card.get_by_test_id("hitl-table-sort").first.click()
        case "editing":
            card.get_by_test_id("hitl-edit").click()
            card.get_by_test_id("hitl-editor").fill("The quick red fox jumps.")
        case "call":
            card.get_by_test_id("hitl-edit").click()
        case "held":
            card.get_by_test_id("hitl-accept").click()
        case "wrong":
            card.get_by_test_id("hitl-send").click()
            expect(card.get_by_test_id("hitl-error")).to_be_visible()
        case "record":
            card.get_by_test_id("hitl-feedback").fill("My words")
            desk.answer(request_id, human_feedback="A red fox", decision="edit")
            expect(card.get_by_test_id("hitl-own-text")).to_be_visible()
    return card


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1100])
def test_no_look_of_a_card_breaks_a_rule_or_its_width(
    desk: Desk, open_inbox: OpenInbox, scheme: str, width: int
) -> None:
    inbox = open_inbox(color_scheme=scheme, viewport={"width": width, "height": 900})
    inbox.hold_decisions(60_000)
    for look in LOOKS:
        request_id = f"card-{look}-{scheme}-{width}"
        card = show(desk, inbox, look, request_id)
        assert violations(inbox.page, f"[data-request-id='{request_id}']") == [], look
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert inbox.page.evaluate(overflow) == 0, look
        if look == "held":
            card.get_by_test_id("hitl-undo").click()  # or it goes when the page does
