/** What a card shows of its question, and how it is named. */
import { describe, expect, it } from "vitest";
import { UNDO_KEY } from "../../../src/client/undo";
import { until } from "../../until";
import { pageWithServer } from "../page-with-server";

const cards = pageWithServer();
const { asked, lastEvent } = cards;

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
