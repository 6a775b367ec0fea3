/** A decision that may be regretted: held for a moment, then sent once. */
import { describe, expect, it } from "vitest";
import { UNDO_KEY, UNDO_MS, undoMs } from "../../../src/client/undo";
import { until } from "../../until";
import { page } from "../page";
import { ALL_DECISIONS, drawnAgain, pageWithServer } from "../page-with-server";

const cards = pageWithServer();
const { asked, answeredByAda, lastEvent } = cards;

describe("a decision that may be regretted", () => {
  it("waits for three seconds unless the person has set another time", () => {
    expect(undoMs()).toBe(UNDO_MS);
    expect(UNDO_MS).toBe(3000);
    for (const [set, ms] of [
      ["0", 0],
      ["1500", 1500],
      ["", UNDO_MS],
      ["soon", UNDO_MS],
      ["-1", 0],
    ] as const) {
      localStorage.setItem(UNDO_KEY, set);
      expect(undoMs()).toBe(ms);
    }
  });

  it("is taken back by Undo, with the focus where it was", async () => {
    const shown = await asked({});
    shown.click("hitl-accept");
    await until(() => shown.find("hitl-undo"));
    expect(shown.text("hitl-held")).toContain("Accepting…");
    expect(page.activeElement).toBe(shown.find("hitl-send-now"));
    shown.click("hitl-undo");
    await until(() => shown.find("hitl-accept"));
    expect(page.activeElement).toBe(shown.find("hitl-accept"));
    expect(cards.server.answers).toHaveLength(0);
  });

  it("is taken back by Escape, and goes at once by a second click", async () => {
    const shown = await asked({ response: ALL_DECISIONS });
    shown.type("Not like this");
    await until(() => shown.enabled("hitl-send"));
    shown.click("hitl-accept");
    await until(() => shown.find("hitl-undo"));
    shown.press("Escape", {}, "hitl-send-now");
    await until(() => shown.find("hitl-accept"));
    expect(shown.value("hitl-feedback")).toBe("Not like this");
    shown.click("hitl-accept");
    await until(() => shown.find("hitl-send-now"));
    shown.click("hitl-send-now");
    await until(() => shown.status === "answered");
    expect(lastEvent()).toMatchObject({ decision: "approve" });
    expect(cards.server.answers).toHaveLength(1);
  });

  it("can be a flow's outcome, taken back with the comment still there", async () => {
    const response = { decisions: ["respond"], options: ["send_back", "publish"] };
    const shown = await asked({ kind: "flow_feedback", response });
    const outcome = () => shown.element.querySelector<HTMLElement>("[data-option=publish]");
    shown.type("Well done");
    outcome()?.click();
    await until(() => shown.find("hitl-undo"));
    expect(shown.text("hitl-held")).toContain("Sending “publish”…");
    shown.click("hitl-undo");
    await until(() => shown.find("hitl-held") === null);
    expect(page.activeElement).toBe(outcome());
    expect(shown.value("hitl-feedback")).toBe("Well done");
    expect(cards.server.answers).toHaveLength(0);
    outcome()?.click();
    await until(() => shown.find("hitl-send-now"));
    shown.click("hitl-send-now");
    await until(() => shown.status === "answered");
    expect(lastEvent()).toMatchObject({ options: ["publish"], human_feedback: "Well done" });
  });

  it("can be an edit, taken back with the edit still there", async () => {
    const shown = await asked({ draft: "A fox.", response: ALL_DECISIONS });
    shown.click("hitl-edit");
    await until(() => shown.find("hitl-editor"));
    shown.type("A red fox.", "hitl-editor");
    await until(() => shown.enabled("hitl-send"));
    shown.click("hitl-send");
    await until(() => shown.find("hitl-undo"));
    expect(shown.text("hitl-held")).toContain("Accepting with edits…");
    shown.press("Escape", {}, "hitl-send-now");
    await until(() => shown.find("hitl-held") === null);
    expect(page.activeElement).toBe(shown.find("hitl-send"));
    expect(shown.value("hitl-editor")).toBe("A red fox.");
    expect(cards.server.answers).toHaveLength(0);
    shown.click("hitl-send");
    await until(() => shown.find("hitl-undo"));
    shown.click("hitl-reject");
    await until(() => shown.status === "answered");
    expect(lastEvent()).toMatchObject({ decision: "reject" });
    expect(cards.server.answers).toHaveLength(1);
  });

  it("is not taken back by the second click of a double click", async () => {
    const shown = await asked({});
    shown.click("hitl-accept");
    await until(() => shown.find("hitl-undo"));
    const second = { bubbles: true, detail: 2 };
    shown.find("hitl-undo")?.dispatchEvent(new window.MouseEvent("click", second));
    shown.find("hitl-send-now")?.dispatchEvent(new window.MouseEvent("click", second));
    await drawnAgain();
    expect(shown.find("hitl-held")).not.toBeNull();
    expect(cards.server.answers).toHaveLength(0);
  });

  it("goes by itself when the time is over", async () => {
    localStorage.setItem(UNDO_KEY, "40");
    const shown = await asked({});
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
    expect(lastEvent()).toMatchObject({ decision: "approve" });
  });

  it.each([
    ["the page is left", () => window.dispatchEvent(new window.Event("pagehide"))],
    ["the card is taken away", () => cards.takeDown()],
  ])("is sent when %s", async (_, leave) => {
    const shown = await asked({});
    shown.click("hitl-accept");
    await until(() => shown.find("hitl-undo"));
    leave();
    await until(() => cards.server.answers.length === 1);
    await until(() => lastEvent()?.decision === "approve");
  });

  it("waits for the rest of its time while its card is away, and the next card shows it", async () => {
    localStorage.setItem(UNDO_KEY, "60000");
    const shown = await asked({});
    shown.click("hitl-accept");
    await until(() => shown.find("hitl-undo"));
    cards.takeDown();
    const again = cards.drawn({});
    await until(() => again.find("hitl-undo"));
    expect(cards.server.answers).toHaveLength(0);
    again.click("hitl-send-now");
    await until(() => again.status === "answered");
    expect(cards.server.answers).toHaveLength(1);
  });

  it("is dropped when another answer came while its card was away, and the next one says so", async () => {
    const shown = await asked({});
    shown.click("hitl-accept");
    await until(() => shown.find("hitl-undo"));
    cards.takeDown();
    answeredByAda();
    const again = cards.drawn({});
    await until(() => again.find("hitl-error"));
    expect(again.text("hitl-error")).toContain("was not sent");
    expect(cards.server.answers).toHaveLength(0);
  });

  it("is dropped, and this is said, when another answer came meanwhile", async () => {
    const shown = await asked({});
    shown.click("hitl-accept");
    await until(() => shown.find("hitl-undo"));
    answeredByAda();
    await until(() => shown.status === "answered");
    await until(() => shown.find("hitl-error"));
    expect(shown.text("hitl-error")).toContain("was not sent");
    expect(shown.text("hitl-record")).toContain("by adavia the command line");
    expect(cards.server.answers).toHaveLength(0);
  });
});
