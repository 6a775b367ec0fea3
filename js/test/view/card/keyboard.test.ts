/** The keyboard inside a card. */
import { describe, expect, it } from "vitest";
import { until } from "../../until";
import { page } from "../page";
import { ALL_DECISIONS, pageWithServer } from "../page-with-server";

const cards = pageWithServer();
const { asked, answeredByAda, lastEvent } = cards;

describe("the keys of a card", () => {
  it("do what its buttons do, for the card that has the focus", async () => {
    const shown = await asked({ response: ALL_DECISIONS });
    const card = shown.find("hitl-card");
    expect(shown.press("r", {}, "hitl-card").defaultPrevented).toBe(true);
    expect(page.activeElement).toBe(shown.find("hitl-feedback"));
    shown.press("Escape");
    expect(page.activeElement).toBe(card);
    shown.press("a", {}, "hitl-card");
    await until(() => shown.find("hitl-undo"));
    shown.press("Escape", {}, "hitl-card");
    await until(() => shown.find("hitl-accept"));
    shown.press("a", {}, "hitl-card");
    await until(() => shown.find("hitl-undo"));
    shown.press("Enter", { ctrlKey: true }, "hitl-card");
    await until(() => shown.status === "answered");
    expect(lastEvent()).toMatchObject({ decision: "approve" });
  });

  it("never reach the notebook, also after the card has closed", async () => {
    const shown = await asked({ response: ALL_DECISIONS });
    const card = shown.find("hitl-card");
    shown.find("hitl-feedback")?.focus();
    answeredByAda();
    await until(() => shown.status === "answered");
    await until(() => page.activeElement === card);
    expect(card?.dataset.lmSuppressShortcuts).toBe("true");
    shown.press("Escape", {}, "hitl-card");
    expect(page.activeElement).not.toBe(card);
    card?.focus();
    expect(card?.dataset.lmSuppressShortcuts).toBe("true");
  });

  it("are letters while one types, held down, or with another key", async () => {
    const shown = await asked({ response: ALL_DECISIONS });
    expect(shown.press("a").defaultPrevented).toBe(false);
    expect(shown.press("a", { ctrlKey: true }, "hitl-card").defaultPrevented).toBe(false);
    shown.press("a", { repeat: true }, "hitl-card");
    shown.press("j", {}, "hitl-card");
    expect(shown.find("hitl-undo")).toBeNull();
  });

  it("stay with the card: the page around it hears neither them nor what is typed", async () => {
    const shown = await asked({ response: ALL_DECISIONS });
    const heard: string[] = [];
    const listener = (event: KeyboardEvent) => heard.push(event.key);
    page.addEventListener("keydown", listener);
    try {
      shown.press("d");
      shown.press("r", {}, "hitl-card");
      shown.press("j", {}, "hitl-card");
    } finally {
      page.removeEventListener("keydown", listener);
    }
    expect(heard).toEqual(["j"]);
    expect(shown.find("hitl-card")?.dataset.lmSuppressShortcuts).toBe("true");
  });
});
