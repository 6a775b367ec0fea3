/** What a card shows of its question, and how it is named. */
import { describe, expect, it } from "vitest";
import { UNDO_KEY } from "../../../src/client/undo";
import { until } from "../../until";
import { ALL_DECISIONS, pageWithServer } from "../page-with-server";
import type { Shown } from "../shown";

const cards = pageWithServer();
const { asked, drawn, lastEvent } = cards;

const ARGUMENTS = { type: "object", properties: { limit: { type: "integer", default: 1000 } } };

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
  it("are buttons that answer, with the comment", async () => {
    localStorage.setItem(UNDO_KEY, "0");
    const response = { decisions: ["respond", "approve"], options: ["publish", "revise"] };
    const shown = await asked({ kind: "flow_feedback", response });
    expect(shown.find("hitl-send")).toBeNull();
    expect(shown.text("hitl-accept")).toBe("Skip");
    shown.type("Well done");
    await until(() => shown.text("hitl-accept") === "Skip without feedback");
    shown.element.querySelector<HTMLElement>("[data-option=publish]")?.click();
    await until(() => shown.status === "answered");
    expect(lastEvent()).toMatchObject({ options: ["publish"], human_feedback: "Well done" });
  });

  it("come after the comment that goes with them, since a click sends", async () => {
    const response = { decisions: ["respond"], options: ["publish", "drop"] };
    const shown = await asked({ kind: "flow_feedback", response });
    const parts = [...shown.element.querySelectorAll("textarea, button")];
    const at = (text: string) => parts.findIndex((part) => part.textContent?.includes(text));
    expect(parts.findIndex((part) => part.localName === "textarea")).toBeLessThan(at("publish"));
  });
});

describe("the buttons of a card", () => {
  const buttons = (shown: Shown) =>
    [...shown.element.querySelectorAll<HTMLElement>(".chitl-actions button")].map((button) =>
      button.matches(".chitl-primary") ? `(${button.textContent})` : button.textContent,
    );

  it.each(["tool_approval", "llm_approval"])(
    "begin with refusing where a %s waits, and none of them is bright",
    async (kind) => {
      const response = { decisions: ["approve", "reject", "edit"], schema: ARGUMENTS };
      const shown = await asked({ kind, response });
      expect(buttons(shown)).toEqual(["Refuse", "Change arguments", "Allow"]);
      shown.click("hitl-edit");
      await until(() => shown.find("hitl-send"));
      expect(buttons(shown)).toEqual(["Refuse", "Stop editing", "(Allow with changes)", "Allow"]);
      shown.click("hitl-edit");
      await until(() => shown.find("hitl-send") === null);
      shown.click("hitl-accept");
      await until(() => shown.find("hitl-held"));
      expect(buttons(shown)).toEqual(["Undo", "Send now", "Refuse"]);
    },
  );

  it("begin with the bright Accept where a draft is reviewed", async () => {
    const shown = await asked({ draft: "A fox.", response: ALL_DECISIONS });
    expect(buttons(shown)).toEqual(["(Accept)", "Send feedback", "Edit", "Reject"]);
  });
});

describe("the head of a card", () => {
  const details = "**Task**\n\nA note on foxes\n\n**Agent**\n\nWriter";

  it("says what it is about and who asks where, and nothing twice", async () => {
    const shown = await asked({
      prompt: "Publish this?",
      kind: "question",
      reason_flags: { clarification: true, ambiguity: true },
      source: { agent_role: "Writer", crew_name: "Newsroom", task_name: "note" },
    });
    expect(shown.text("hitl-title")).toBe("Publish this?");
    const head = shown.element.querySelector("header")?.textContent ?? "";
    expect(head).toMatch(/Writer asks.*crew Newsroom.*task note/);
    expect(shown.element.textContent?.split("Publish this?")).toHaveLength(2);
    expect(shown.element.querySelector(".chitl-reasons")?.textContent).toBe("ambiguity");
  });

  it("shows the rest of a prompt that begins with the title", async () => {
    const shown = await asked({ kind: "question", prompt: "Which table? Both are large." });
    expect(shown.text("hitl-title")).toBe("Which table?");
    expect(shown.text("hitl-prompt")).toBe("Both are large.");
  });

  it("folds the task, and remembers who unfolds it", async () => {
    const fields = { draft: "A fox.", context: `A fox.\n\n---\n\n${details}` };
    const shown = await asked(fields);
    expect(shown.text("hitl-context").trim()).toBe("A fox.");
    const fold = (at: Shown) => at.find("hitl-about") as HTMLDetailsElement;
    expect(fold(shown).textContent).toBe("About this task");
    fold(shown).open = true;
    await until(() => fold(shown).textContent?.includes("A note on foxes"));
    const other = drawn(fields);
    expect(fold(other).open).toBe(true);
    fold(other).open = false;
    await until(() => !fold(other).textContent?.includes("A note on foxes"));
    expect(fold(drawn(fields)).open).toBe(false);
  });
});

describe("a question without words", () => {
  it.each(["", " "])("says that an answer is needed", async (prompt) => {
    const shown = await asked({ prompt });
    expect(shown.text("hitl-prompt")).toContain("The crew needs your answer");
  });
});

describe("a card among others", () => {
  it("is named by who asks what, and so are its buttons, for those who hear a list of them", async () => {
    const source = { agent_role: "Writer" };
    const shown = await asked({ draft: "# Foxes", round: 2, source, response: ALL_DECISIONS });
    const name = () => shown.element.querySelector("article")?.getAttribute("aria-label");
    expect(name()).toBe("Writer asks: Foxes, draft 2");
    const buttons = [...shown.element.querySelectorAll(".chitl-actions button")];
    expect(buttons.map((button) => button.getAttribute("aria-label"))).toEqual([
      "Accept: Foxes, draft 2",
      "Send feedback: Foxes, draft 2",
      "Edit: Foxes, draft 2",
      "Reject: Foxes, draft 2",
    ]);
    localStorage.setItem(UNDO_KEY, "0");
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
    expect(name()).toBe("Writer asked: Foxes, draft 2");
  });
});
