/** What a card shows of its question, and how it is named. */
import { describe, expect, it } from "vitest";
import { UNDO_KEY } from "../../../src/client/undo";
import { until } from "../../until";
import { ALL_DECISIONS, pageWithServer } from "../page-with-server";
import type { Shown } from "../shown";

const cards = pageWithServer();
const { asked, lastEvent } = cards;

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

describe("a question without words", () => {
  it("says that an answer is needed", async () => {
    const shown = await asked({ prompt: " " });
    expect(shown.text("hitl-prompt")).toContain("The crew needs your answer");
  });
});

describe("a card among others", () => {
  it("is named by who asks, for those who hear a list of them", async () => {
    const shown = await asked({ source: { agent_role: "Writer" } });
    const name = () => shown.element.querySelector("article")?.getAttribute("aria-label");
    expect(name()).toBe("Writer is waiting for you");
    localStorage.setItem(UNDO_KEY, "0");
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
    expect(name()).toBe("Question from Writer");
  });
});
