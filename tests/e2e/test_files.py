"""Files in forms, questions and answers, in a real browser: sent, kept, and never run."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.axe import violations
from tests.e2e.inbox import CARD_MS, Desk, OpenInbox

CSV = b"day,sold\nMon,3\n"
HOSTILE = b"<script>document.title = 'stolen'; localStorage.stolen = 1</script>"
FILE = {"type": "object", "format": "file"}
INVOICE: dict[str, Any] = {
    "kind": "question",
    "response": {
        "decisions": ["respond", "reject"],
        "schema": {
            "type": "object",
            "properties": {
                "invoice": {**FILE, "title": "Invoice", "accept": [".csv", "text/csv"]},
                "scans": {"type": "array", "title": "Scans", "items": FILE, "maxItems": 2},
            },
            "required": ["invoice"],
        },
    },
}


def sheet(name: str = "sales.csv", content: bytes = CSV, kind: str = "text/csv") -> Any:
    """Return a file as Playwright gives it to a page."""
    return {"name": name, "mimeType": kind, "buffer": content}


def choose(field: Locator, *files: Any) -> None:
    """Choose files as a person does."""
    field.get_by_test_id("hitl-choose-file").set_input_files(list(files))


def drop(page: Page, on: Locator, name: str, content: bytes) -> None:
    """Drop a file on an element."""
    data = page.evaluate_handle(
        """([name, text]) => {
          const data = new DataTransfer();
          data.items.add(new File([text], name, { type: "text/csv" }));
          return data;
        }""",
        [name, content.decode()],
    )
    on.dispatch_event("drop", {"dataTransfer": data})


def drop_from_desktop(page: Page, path: Path, x: float, y: float) -> None:
    """Drop a file from the disk on the page, with what the browser does by itself then."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for step in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": step, "x": x, "y": y, "data": data})
    session.detach()


def middle(of: Locator) -> tuple[float, float]:
    """Return the middle of what is seen of an element."""
    of.scroll_into_view_if_needed()
    box = of.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def upload(desk: Desk, request_id: str, name: str, content: bytes, kind: str) -> dict[str, Any]:
    """Upload a file as a kernel does, before it asks."""
    reply = httpx.post(
        f"{desk.server.prefix}requests/{request_id}/files",
        params={"name": name},
        content=content,
        headers={**desk.server.headers, "Content-Type": kind},
    )
    reference: dict[str, Any] = reply.raise_for_status().json()
    return reference


def with_files(desk: Desk, request_id: str, *files: dict[str, Any]) -> None:
    """Ask a question that has files."""
    names = [f"file-{number}" for number, _ in enumerate(files, start=1)]
    desk.ask(
        request_id,
        context="\n\n".join(
            f"[{file['name']}](attachment:{name})" for name, file in zip(names, files, strict=True)
        ),
        attachments={
            name: {"application/vnd.crewai-hitl.file+json": file}
            for name, file in zip(names, files, strict=True)
        },
    )


def saved(page: Page, card: Locator, at: int = 0) -> tuple[str, bytes]:
    """Download a file of a card; return its name and bytes."""
    with page.expect_download() as download:
        card.get_by_test_id("hitl-download").nth(at).click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_a_file_is_sent_with_the_answer_and_downloads_as_it_was(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("invoice", **INVOICE)
    inbox = open_inbox()
    card = inbox.card("invoice")
    field = card.get_by_test_id("hitl-field-invoice")
    choose(field, sheet())
    item = field.get_by_test_id("hitl-file-item")
    expect(item).to_contain_text("sales.csv", timeout=CARD_MS)
    expect(item).to_contain_text("15 bytes")
    choose(card.get_by_test_id("hitl-field-scans"), sheet("a.png", b"1", ""), sheet("b", b"2", ""))
    expect(card.get_by_test_id("hitl-file-item")).to_have_count(3)
    expect(card).to_contain_text("b uploaded, 1 byte")
    card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    values = desk.request("invoice")["completion"]["values"]
    assert values["invoice"] == {
        "name": "sales.csv",
        "media_type": "text/csv",
        "size": len(CSV),
        "sha256": hashlib.sha256(CSV).hexdigest(),
    }
    assert [scan["name"] for scan in values["scans"]] == ["a.png", "b"]
    assert saved(inbox.page, card) == ("sales.csv", CSV)
    assert violations(inbox.page) == []


def test_a_file_of_another_kind_is_refused_beside_its_field_and_nothing_is_sent(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("wrong-kind", **INVOICE)
    inbox = open_inbox()
    card = inbox.card("wrong-kind")
    field = card.get_by_test_id("hitl-field-invoice")
    choose(field, sheet("notes.txt", kind="text/plain"))
    expect(field).to_contain_text(
        "notes.txt was not added: must be one of these kinds of files: .csv, text/csv",
        timeout=CARD_MS,
    )
    card.get_by_test_id("hitl-send").click()
    expect(field).to_contain_text("is required")
    expect(field.get_by_test_id("hitl-choose-file")).to_be_focused()
    assert desk.pending() == ["wrong-kind"]
    assert violations(inbox.page) == []


def test_a_dropped_file_stays_after_a_reload_until_it_is_removed(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("dropped", **INVOICE)
    inbox = open_inbox()
    card = inbox.card("dropped")
    expect(card.get_by_test_id("hitl-choose-file")).to_have_count(2, timeout=CARD_MS)
    drop(inbox.page, card.get_by_test_id("hitl-field-scans").locator(".chitl-files"), "d.csv", CSV)
    item = card.get_by_test_id("hitl-field-scans").get_by_test_id("hitl-file-item")
    expect(item).to_contain_text("15 bytes")
    drop(inbox.page, card, "card.csv", CSV)  # beside the fields: the first one takes it
    first = card.get_by_test_id("hitl-field-invoice").get_by_test_id("hitl-file-item")
    expect(first).to_contain_text("card.csv")
    inbox.page.reload()
    expect(item).to_contain_text("d.csv", timeout=CARD_MS)
    expect(first).to_contain_text("card.csv")
    first.get_by_test_id("hitl-remove-file").press("Enter")
    expect(first).to_have_count(0)
    field = card.get_by_test_id("hitl-field-invoice")
    expect(field.get_by_test_id("hitl-choose-file")).to_be_focused()


def test_an_answer_does_not_go_without_a_file_that_could_not_be_sent(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("failed", **INVOICE)
    inbox = open_inbox()
    card = inbox.card("failed")
    field = card.get_by_test_id("hitl-field-invoice")
    expect(field.get_by_test_id("hitl-choose-file")).to_be_visible(timeout=CARD_MS)
    inbox.page.route("**/files?*", lambda route: route.abort())
    choose(field, sheet())
    expect(field).to_contain_text("The server could not be reached.")
    card.get_by_test_id("hitl-send").click()
    expect(field).to_contain_text("is not uploaded yet")
    assert desk.pending() == ["failed"]
    inbox.page.unroute("**/files?*")
    field.get_by_role("button", name="Try again").click()
    expect(field).to_contain_text("sales.csv uploaded, 15 bytes")
    expect(field).not_to_contain_text("is not uploaded yet")
    card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered", timeout=CARD_MS)


def test_a_file_that_is_chosen_offline_goes_when_the_server_is_back(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("offline", **INVOICE)
    inbox = open_inbox()
    field = inbox.card("offline").get_by_test_id("hitl-field-invoice")
    expect(field.get_by_test_id("hitl-choose-file")).to_be_visible(timeout=CARD_MS)
    inbox.page.route("**/crewai-hitl/**", lambda route: route.abort())
    inbox.page.context.set_offline(True)
    expect(inbox.hook("hitl-connection")).not_to_have_attribute(
        "data-state", "live", timeout=CARD_MS
    )
    choose(field, sheet())
    expect(field).to_contain_text("Waits to be uploaded…")
    inbox.page.unroute("**/crewai-hitl/**")
    inbox.page.context.set_offline(False)
    expect(field).to_contain_text("sales.csv uploaded, 15 bytes", timeout=CARD_MS)


def test_a_file_that_the_server_does_not_have_is_named_beside_it(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("forgotten", **INVOICE)
    inbox = open_inbox()
    card = inbox.card("forgotten")
    invoice = card.get_by_test_id("hitl-field-invoice")
    choose(invoice, sheet())
    expect(invoice).to_contain_text("sales.csv uploaded, 15 bytes", timeout=CARD_MS)
    lost = {"name": "lost.csv", "media_type": "text/csv", "size": 3, "sha256": "0" * 64}
    inbox.page.route("**/files?*", lambda route: route.fulfill(status=201, json=lost))
    field = card.get_by_test_id("hitl-field-scans")
    choose(field, sheet("lost.csv", b"abc"))
    expect(field).to_contain_text("lost.csv uploaded, 3 bytes", timeout=CARD_MS)
    card.get_by_test_id("hitl-send").click()
    item = field.get_by_test_id("hitl-file-item")
    expect(item).to_contain_text("was not uploaded for this request")
    assert desk.pending() == ["forgotten"]
    item.get_by_test_id("hitl-remove-file").click()
    card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered", timeout=CARD_MS)


def test_a_list_of_models_has_a_file_in_each_row(desk: Desk, open_inbox: OpenInbox) -> None:
    row = {"type": "object", "properties": {"day": {"type": "string"}, "receipt": FILE}}
    rows = {"type": "array", "items": row}
    schema = {"type": "object", "properties": {"trips": rows}}
    desk.ask("trips", kind="question", response={"decisions": ["respond"], "schema": schema})
    inbox = open_inbox()
    card = inbox.card("trips")
    card.get_by_test_id("hitl-add-row").click(timeout=CARD_MS)
    card.get_by_test_id("hitl-field-day").get_by_role("textbox").fill("Monday")
    choose(card, sheet("taxi.csv"))
    expect(card.get_by_test_id("hitl-file-item")).to_contain_text("15 bytes")
    card.get_by_test_id("hitl-field-day").get_by_role("textbox").fill("Tuesday")
    expect(card).to_contain_text("taxi.csv uploaded, 15 bytes")
    card.get_by_test_id("hitl-send").click()
    expect(card).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    (trip,) = desk.request("trips")["completion"]["values"]["trips"]
    assert (trip["day"], trip["receipt"]["name"]) == ("Tuesday", "taxi.csv")
    assert saved(inbox.page, card) == ("taxi.csv", CSV)


def test_a_card_says_so_where_files_cannot_be_sent(desk: Desk, open_inbox: OpenInbox) -> None:
    desk.ask("no-script", **INVOICE)
    inbox = open_inbox("#request=no-script")
    inbox.page.route("**/files.js*", lambda route: route.abort())
    inbox.page.reload()
    card = inbox.card("no-script")
    expect(card.get_by_test_id("hitl-field-invoice")).to_contain_text(
        "This page cannot send or save files.", timeout=CARD_MS
    )


@pytest.mark.parametrize(
    ("name", "kind", "content"),
    [
        ("page.html", "text/html", HOSTILE),
        (
            "drawing.svg",
            "image/svg+xml",
            b'<svg xmlns="http://www.w3.org/2000/svg" onload="localStorage.stolen=1"/>',
        ),
    ],
)
def test_a_hostile_file_of_a_question_does_not_run(
    name: str, kind: str, content: bytes, desk: Desk, open_inbox: OpenInbox
) -> None:
    with_files(desk, name, upload(desk, name, name, content, kind))
    inbox = open_inbox()
    card = inbox.card(name)
    expect(card.get_by_test_id("hitl-file")).to_contain_text(name, timeout=CARD_MS)
    assert saved(inbox.page, card) == (name, content)
    assert inbox.page.evaluate("localStorage.stolen") is None
    assert card.locator("img, iframe, object").count() == 0
    assert violations(inbox.page) == []


def test_a_picture_among_the_files_is_shown_and_a_lie_is_only_a_file(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    with_files(
        desk,
        "look",
        upload(desk, "look", "dot.png", png, "image/png"),
        upload(desk, "look", "lie.png", HOSTILE, "image/png"),
    )
    inbox = open_inbox(viewport={"width": 360, "height": 800}, color_scheme="dark")
    card = inbox.card("look")
    expect(card.get_by_alt_text("dot.png")).to_be_visible(timeout=CARD_MS)
    expect(card.locator("img")).to_have_count(1)
    expect(card.get_by_test_id("hitl-download")).to_have_count(2)
    assert inbox.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(inbox.page) == []


def test_a_file_that_misses_its_card_is_not_opened_in_the_place_of_the_inbox(
    desk: Desk, open_inbox: OpenInbox, tmp_path: Path
) -> None:
    desk.ask("missed", **INVOICE)
    inbox = open_inbox()
    card = inbox.card("missed")
    expect(card.get_by_test_id("hitl-choose-file")).to_have_count(2, timeout=CARD_MS)
    path = tmp_path / "missed.csv"
    path.write_bytes(CSV)
    left: list[str] = []
    inbox.page.on("framenavigated", lambda frame: left.append(frame.url))
    inbox.page.on("popup", lambda popup: left.append(popup.url))
    inbox.page.context.on("page", lambda page: left.append(page.url))
    drop_from_desktop(inbox.page, path, 5, 5)
    drop_from_desktop(inbox.page, path, *middle(card.get_by_test_id("hitl-title")))
    field = card.get_by_test_id("hitl-field-invoice")
    expect(field).to_contain_text("missed.csv uploaded, 15 bytes")
    assert left == []


def test_files_that_came_too_late_are_named_among_what_was_not_sent(
    desk: Desk, open_inbox: OpenInbox
) -> None:
    desk.ask("too-late", **INVOICE)
    inbox = open_inbox()
    card = inbox.card("too-late")
    scans = card.get_by_test_id("hitl-field-scans")
    choose(scans, sheet())
    expect(scans).to_contain_text("sales.csv uploaded", timeout=CARD_MS)
    inbox.page.route("**/files?*", lambda route: None)  # it never arrives
    choose(card.get_by_test_id("hitl-field-invoice"), sheet("late.csv"))
    expect(card.locator("progress")).to_have_count(1)
    desk.answer("too-late", decision="reject")
    expect(card).to_have_attribute("data-status", "answered", timeout=CARD_MS)
    expect(card).to_contain_text('"invoice": "late.csv"')
    expect(card).to_contain_text("sales.csv (15 bytes)")
    expect(card).not_to_contain_text("sha256")


def test_text_copied_with_its_picture_is_pasted_as_text(desk: Desk, open_inbox: OpenInbox) -> None:
    """Spreadsheets put both on the clipboard."""
    note = {"type": "string", "title": "Note"}
    schema = {"type": "object", "properties": {"note": note, "scan": FILE}}
    desk.ask("cells", kind="question", response={"decisions": ["respond"], "schema": schema})
    card = open_inbox().card("cells")
    expect(card.get_by_test_id("hitl-choose-file")).to_have_count(1, timeout=CARD_MS)
    box = card.get_by_test_id("hitl-field-note").get_by_role("textbox")
    assert box.evaluate(PASTE, ["text/plain"]), "the browser pastes the text"
    expect(card.get_by_test_id("hitl-file-item")).to_have_count(0)
    assert not box.evaluate(PASTE, []), "a picture alone is for the field for files"
    expect(card.get_by_test_id("hitl-file-item")).to_contain_text("image.png")


PASTE = """(box, types) => {
  const clipboardData = new DataTransfer();
  for (const type of types) clipboardData.setData(type, "1\\t2");
  clipboardData.items.add(new File(["1"], "image.png", { type: "image/png" }));
  const init = { clipboardData, bubbles: true, cancelable: true };
  return box.dispatchEvent(new ClipboardEvent("paste", init));
}"""


def test_a_file_dropped_on_a_full_field_is_not_opened(
    desk: Desk, open_inbox: OpenInbox, tmp_path: Path
) -> None:
    scans = {"type": "array", "items": FILE, "maxItems": 1}
    schema = {"type": "object", "properties": {"scans": scans}}
    desk.ask("full", kind="question", response={"decisions": ["respond"], "schema": schema})
    inbox = open_inbox()
    card = inbox.card("full")
    choose(card, sheet())
    expect(card).to_contain_text("sales.csv uploaded, 15 bytes", timeout=CARD_MS)
    item = card.get_by_test_id("hitl-file-item")
    opened = item.evaluate(
        """item => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File(["1"], "second.csv"));
          const init = { dataTransfer, bubbles: true, cancelable: true };
          return item.dispatchEvent(new DragEvent("drop", init));
        }"""
    )
    assert not opened
    expect(item).to_have_count(1)
