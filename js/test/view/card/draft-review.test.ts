/** A draft under review: edited in place, kept, and compared. */
import { describe, expect, it, vi } from "vitest";
import { UNDO_KEY } from "../../../src/client/undo";
import { until } from "../../until";
import { page } from "../page";
import { ALL_DECISIONS, drawnAgain, pageWithServer } from "../page-with-server";

const cards = pageWithServer();
const { asked, drawn, answeredByAda, lastEvent } = cards;

describe("a draft under review", () => {
  const draft = "The quick brown fox.";
  const context = `${draft}\n\n---\n\n**Task**\n\nA fox`;
  const review = { draft, context, response: ALL_DECISIONS };

  it("is edited in place with the difference in sight", async () => {
    localStorage.setItem(UNDO_KEY, "0");
    const shown = await asked(review);
    shown.click("hitl-edit");
    await until(() => shown.find("hitl-editor"));
    expect(page.activeElement).toBe(shown.find("hitl-editor"));
    expect(shown.value("hitl-editor")).toBe(draft);
    expect(shown.text("hitl-context")).not.toContain("fox.");
    expect(shown.enabled("hitl-send")).toBe(false);
    shown.type("The quick red fox.", "hitl-editor");
    await until(() => shown.find("hitl-diff"));
    expect(shown.find("hitl-diff")?.querySelector("del")?.textContent).toBe("brown");
    expect(shown.find("hitl-diff")?.querySelector("ins")?.textContent).toBe("red");
    shown.press("Enter", { ctrlKey: true }, "hitl-editor");
    await until(() => shown.status === "answered");
    expect(lastEvent()).toMatchObject({ decision: "edit", human_feedback: "The quick red fox." });
    expect(shown.text("hitl-record")).toContain("Accepted with edits");
    expect(shown.find("hitl-record")?.querySelector("ins")?.textContent).toBe("red");
  });

  it("is still open in the editor, as edited, after a reload", async () => {
    const before = await asked(review);
    before.click("hitl-edit");
    await until(() => before.find("hitl-editor"));
    before.type("Another fox.", "hitl-editor");
    cards.takeDown();
    const after = drawn(review);
    expect(after.value("hitl-editor")).toBe("Another fox.");
    expect(page.activeElement).not.toBe(after.find("hitl-editor"));
  });

  it("keeps an edit that lost against another answer, to be copied", async () => {
    const shown = await asked(review);
    shown.click("hitl-edit");
    await until(() => shown.find("hitl-editor"));
    shown.type("My own fox.", "hitl-editor");
    await drawnAgain();
    answeredByAda();
    await until(() => shown.status === "answered");
    expect(shown.text("hitl-own-text")).toBe("My own fox.");
    const written: string[] = [];
    vi.stubGlobal("navigator", {
      clipboard: { writeText: async (text: string) => void written.push(text) },
    });
    try {
      shown.click("hitl-copy");
      await until(() => shown.element.textContent?.includes("Copied"));
      expect(written).toEqual(["My own fox."]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("leaves the words that an acceptance did not send on the card, to be copied", async () => {
    localStorage.setItem(UNDO_KEY, "0");
    const shown = await asked(review);
    shown.type("But the dog?");
    await until(() => shown.text("hitl-accept") === "Accept without feedback");
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
    expect(lastEvent()).toMatchObject({ decision: "approve", human_feedback: "" });
    expect(shown.text("hitl-own-text")).toBe("But the dog?");
  });

  it("comes with the rounds so far and what changed since the last", async () => {
    const history = [
      { draft: "A fox.", feedback: "Say more" },
      { draft: "The slow brown fox.", feedback: "Quicker" },
    ];
    const shown = await asked({ ...review, history, round: 3 });
    expect(shown.text("hitl-thread")).toContain("Draft 1");
    expect(shown.text("hitl-thread")).toContain("Say more");
    expect(shown.text("hitl-thread")).toContain("Changes since draft 2");
    expect(shown.find("hitl-diff")?.querySelector("ins")?.textContent).toBe("quick");
  });
});
