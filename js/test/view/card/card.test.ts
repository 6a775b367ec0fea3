/** The card's own ways to answer: undo, forms, edits, outcomes, rounds, keys. */
import { describe, expect, it, vi } from "vitest";
import { UNDO_KEY, UNDO_MS, undoMs } from "../../../src/client/undo";
import { page } from "../page";
import { ALL_DECISIONS, pageWithServer, until } from "../page-with-server";

const cards = pageWithServer();
const { asked, drawn } = cards;

/** Between two things that a person does, the card is drawn: that is queued, not done at once. */
const drawnAgain = () => new Promise((resolve) => setTimeout(resolve));

function answeredByAda() {
  cards.server.append({
    type: "human_input_completed",
    request_id: "r1",
    human_feedback: "Fine",
    decision: "respond",
    answered_by: { name: "ada", via: "cli" },
  });
}

describe("an approval", () => {
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
    expect(cards.lastEvent()).toMatchObject({ decision: "approve" });
    expect(cards.server.answers).toHaveLength(1);
  });

  it("goes by itself when the time is over", async () => {
    localStorage.setItem(UNDO_KEY, "40");
    const shown = await asked({});
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
    expect(cards.lastEvent()).toMatchObject({ decision: "approve" });
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
    await until(() => cards.lastEvent()?.decision === "approve");
  });

  it("is dropped with a notice when another answer comes first", async () => {
    const shown = await asked({});
    shown.click("hitl-accept");
    await until(() => shown.find("hitl-undo"));
    answeredByAda();
    await until(() => shown.status === "answered");
    await until(() => shown.find("hitl-error"));
    expect(shown.text("hitl-error")).toContain("was not sent");
    expect(shown.text("hitl-record")).toContain("ada, via the command line");
    expect(cards.server.answers).toHaveLength(0);
  });
});

const BOOKING = {
  type: "object",
  properties: {
    name: { type: "string", title: "Guest", description: "As in the passport", minLength: 2 },
    nights: { type: "integer", minimum: 1, maximum: 14, default: 3 },
    room: { type: "string", enum: ["s", "d"], enumNames: ["SingleRequest", "Double"] },
    extras: { type: "array", items: { type: "string", enum: ["breakfast", "parking"] } },
    smoker: { type: "boolean", default: false },
  },
  required: ["name", "extras"],
};

describe("a typed form", () => {
  const form = { kind: "question", response: { decisions: ["respond"], schema: BOOKING } };

  it("shows what it asks for and sends values of the right types", async () => {
    const shown = await asked(form);
    expect(shown.text("hitl-field-name")).toContain("Guest (required)");
    expect(shown.text("hitl-field-name")).toContain("As in the passport · at least 2 characters");
    expect(shown.text("hitl-field-room")).toContain("Double");
    expect(shown.value("hitl-field-nights")).toBe("3");
    expect(shown.find("hitl-feedback")).toBeNull();
    shown.type("Ada", "hitl-field-name");
    shown.type("2", "hitl-field-nights");
    shown.find("hitl-field-room")?.querySelectorAll("input")[1]?.click();
    shown.find("hitl-field-extras")?.querySelectorAll("input")[0]?.click();
    await drawnAgain();
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    const values = { name: "Ada", nights: 2, room: "d", extras: ["breakfast"], smoker: false };
    expect(cards.lastEvent()).toMatchObject({ decision: "respond", values });
    expect(shown.text("hitl-values")).toContain("GuestAda");
    expect(shown.text("hitl-values")).toContain("roomDouble");
  });

  it("marks the wrong fields, goes to the first, and loses nothing that was typed", async () => {
    const shown = await asked(form);
    shown.type("Ada", "hitl-field-name");
    shown.type("invalid", "hitl-field-nights");
    shown.find("hitl-card")?.focus();
    await drawnAgain();
    shown.click("hitl-send");
    await until(() => shown.find("hitl-error"));
    expect(shown.text("hitl-field-nights")).toContain("not this");
    expect(page.activeElement).toBe(shown.find("hitl-field-nights")?.querySelector("input"));
    expect(shown.value("hitl-field-name")).toBe("Ada");
    expect(shown.status).toBe("pending");
    shown.type("4", "hitl-field-nights");
    await until(() => shown.find("hitl-error") === null);
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    expect(cards.lastEvent()?.values).toMatchObject({ nights: 4, extras: [] });
  });

  it("survives a reload of the page", async () => {
    const before = await asked(form);
    before.type("Ada", "hitl-field-name");
    before.find("hitl-field-room")?.querySelectorAll("input")[0]?.click();
    cards.takeDown();
    const after = drawn(form);
    expect(after.value("hitl-field-name")).toBe("Ada");
    expect(after.find("hitl-field-room")?.querySelector("input")?.checked).toBe(true);
  });

  it("refuses a number that this browser cannot send exactly", async () => {
    const shown = await asked(form);
    shown.type("12345678901234567890", "hitl-field-nights");
    await drawnAgain();
    shown.click("hitl-send");
    await until(() => shown.find("hitl-error"));
    expect(shown.text("hitl-field-nights")).toContain("more digits than");
    expect(cards.server.answers).toHaveLength(0);
  });
});

describe("a tool's arguments", () => {
  const properties = {
    table: { type: "string", default: "customers" },
    limit: { type: "integer", default: 1000 },
    since: { type: "string", format: "date-time", default: "2026-01-01T00:00:00+02:00" },
  };
  const schema = { type: "object", properties, required: ["table", "limit"] };
  const response = { decisions: ["approve", "reject", "edit"], schema };
  const call = { kind: "tool_approval", response };

  it("are allowed with changes; unchanged ones are sent exactly as they came", async () => {
    const shown = await asked(call);
    expect(shown.find("hitl-form")).toBeNull();
    shown.click("hitl-edit");
    await until(() => shown.find("hitl-form"));
    expect(shown.text("hitl-accept")).toBe("Allow");
    expect(shown.enabled("hitl-send")).toBe(false);
    shown.type("10", "hitl-field-limit");
    await until(() => shown.enabled("hitl-send"));
    expect(shown.text("hitl-accept")).toBe("Allow without changes");
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    expect(cards.lastEvent()).toMatchObject({
      decision: "edit",
      values: { table: "customers", limit: 10, since: "2026-01-01T00:00:00+02:00" },
    });
    expect(shown.text("hitl-record")).toContain("Allowed with changes");
    expect(shown.find("hitl-values")?.querySelector("del")?.textContent).toBe("1000");
    expect(shown.find("hitl-values")?.querySelector("ins")?.textContent).toBe("10");
  });
});

describe("a draft under review", () => {
  const draft = "The quick brown fox.";
  const context = `${draft}\n\n---\n\n**Task**\n\nA fox`;
  const review = { draft, context, response: ALL_DECISIONS };

  it("is edited in place with the difference in sight", async () => {
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
    expect(cards.lastEvent()).toMatchObject({
      decision: "edit",
      human_feedback: "The quick red fox.",
    });
    expect(shown.text("hitl-record")).toContain("Accepted with edits");
    expect(shown.find("hitl-record")?.querySelector("ins")?.textContent).toBe("red");
  });

  it("is still in the editor with its edits after a reload", async () => {
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
    expect(cards.lastEvent()).toMatchObject({ decision: "approve", human_feedback: "" });
    expect(shown.text("hitl-own-text")).toBe("But the dog?");
  });

  it("comes with the rounds so far and what changed since the last", async () => {
    const history = [
      { draft: "A fox.", feedback: "Say more" },
      { draft: "The slow brown fox.", feedback: "Quicker" },
    ];
    const shown = await asked({ ...review, history, round: 3 });
    expect(shown.text("hitl-thread")).toContain("Draft of round 1");
    expect(shown.text("hitl-thread")).toContain("Say more");
    expect(shown.text("hitl-thread")).toContain("Changes since round 2");
    expect(shown.find("hitl-diff")?.querySelector("ins")?.textContent).toBe("quick");
  });
});

describe("a context", () => {
  it("shows a data frame as a table that scrolls within the card", async () => {
    const frame = `<div>
<style scoped>.dataframe tbody tr th { vertical-align: top; }</style>
<table border="1" class="dataframe">
  <thead><tr style="text-align: right;"><th></th><th>hours</th></tr></thead>
  <tbody><tr><th>0</th><td>120</td></tr></tbody>
</table>
</div>`;
    const shown = await asked({ context: `The data:\n\n${frame}\n\nand more` });
    const table = shown.find("hitl-context")?.querySelector("[role=region] > table");
    expect(table?.textContent?.replace(/\s+/g, " ").trim()).toBe("hours 0120");
    expect(shown.text("hitl-context")).not.toContain("vertical-align");
  });

  it("that is JSON is shown as such", async () => {
    const shown = await asked({ context: '{"rows": [1, 2], "table": "customers"}' });
    expect(shown.find("hitl-context")?.querySelector(".chitl-json")?.textContent).toContain(
      '"table": "customers"',
    );
  });
});

describe("a flow's outcomes", () => {
  it("are buttons that answer at once, with the comment", async () => {
    const response = { decisions: ["respond", "approve"], options: ["publish", "revise"] };
    const shown = await asked({ kind: "flow_feedback", response });
    expect(shown.find("hitl-send")).toBeNull();
    expect(shown.text("hitl-accept")).toBe("Skip");
    shown.type("Well done");
    await until(() => shown.text("hitl-accept") === "Skip without feedback");
    shown.element.querySelector<HTMLElement>("[data-option=publish]")?.click();
    await until(() => shown.status === "answered");
    expect(cards.lastEvent()).toMatchObject({ options: ["publish"], human_feedback: "Well done" });
  });

  it("come after the comment that goes with them, since a click sends", async () => {
    const response = { decisions: ["respond"], options: ["publish", "drop"] };
    const shown = await asked({ kind: "flow_feedback", response });
    const parts = [...shown.element.querySelectorAll("textarea, button")];
    const at = (text: string) => parts.findIndex((part) => part.textContent?.includes(text));
    expect(parts.findIndex((part) => part.localName === "textarea")).toBeLessThan(at("publish"));
  });
});

describe("a question without a prompt", () => {
  it("says that an answer is needed", async () => {
    const shown = await asked({ prompt: " " });
    expect(shown.text("hitl-prompt")).toContain("The crew needs your answer");
  });
});

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
    expect(cards.lastEvent()).toMatchObject({ decision: "approve" });
  });

  it("stay the card's own after somebody else has answered, until the focus leaves it", async () => {
    const shown = await asked({ response: ALL_DECISIONS });
    const card = shown.find("hitl-card");
    shown.find("hitl-feedback")?.focus();
    answeredByAda();
    await until(() => shown.status === "answered");
    await until(() => page.activeElement === card);
    expect(card?.dataset.lmSuppressShortcuts).toBe("true");
    shown.press("Escape", {}, "hitl-card");
    await until(() => card?.dataset.lmSuppressShortcuts === undefined);
    expect(page.activeElement).not.toBe(card);
  });

  it("are the host page's at once when the focus was elsewhere", async () => {
    const shown = await asked({ response: ALL_DECISIONS });
    const card = shown.find("hitl-card");
    expect(card?.dataset.lmSuppressShortcuts).toBe("true");
    answeredByAda();
    await until(() => card?.dataset.lmSuppressShortcuts === undefined);
  });

  it("do nothing while somebody types, held down, or with another key", async () => {
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

describe("a card among others", () => {
  it("is named by who asks, for screen readers", async () => {
    const shown = await asked({ source: { agent_role: "Writer" } });
    const name = () => shown.element.querySelector("article")?.getAttribute("aria-label");
    expect(name()).toBe("Writer is waiting for you");
    localStorage.setItem(UNDO_KEY, "0");
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
    expect(name()).toBe("Question from Writer");
  });
});
