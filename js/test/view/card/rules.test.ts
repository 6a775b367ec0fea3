/** What a person allows beyond one call, on the card of a gated tool. */
import { describe, expect, it } from "vitest";
import { UNDO_KEY } from "../../../src/client/undo";
import { mountBundle } from "../../../src/view/bundle/mount-bundle";
import { until } from "../../until";
import { pageWithServer } from "../page-with-server";
import { snapshot } from "../shown";

const cards = pageWithServer();

const GATED = {
  kind: "tool_approval",
  execution_id: "run-1",
  source: { notebook: "a.ipynb", agent_role: "Clerk" },
  response: { decisions: ["approve", "reject"] },
  call: { tool: "send", arguments: "{}" },
};

const RULE = { scope: "run", tool: "send", asker: "x", hours: 24, execution_id: "run-1" };

function completed(requestId: string, more: object) {
  const by = { name: "ada", via: "card" };
  return {
    type: "human_input_completed",
    request_id: requestId,
    decision: "approve",
    answered_by: by,
    ...more,
  };
}

describe("the card of a gated tool", () => {
  it("sends the rule with the approval, which can be taken back before", async () => {
    localStorage.setItem(UNDO_KEY, "60000");
    const shown = await cards.asked(GATED);
    shown.click("hitl-allow-notebook");
    await until(() => shown.find("hitl-undo"));
    shown.click("hitl-undo");
    await until(() => shown.find("hitl-allow-run"));
    expect(cards.server.answers).toHaveLength(0);
    shown.click("hitl-allow-run");
    await until(() => shown.find("hitl-send-now"));
    shown.click("hitl-send-now");
    await until(() => shown.status === "answered");
    expect(cards.lastEvent()).toMatchObject({ decision: "approve", rule: { scope: "run" } });
  });

  it("offers nothing more on a page that answers through the crew's own kernel", async () => {
    cards.server.ask("r1", GATED);
    const endpoint = { ...cards.server.endpoint, fetch };
    const shown = cards.show((element) =>
      mountBundle(element, snapshot("r1", GATED), "card", endpoint),
    );
    await until(() => shown.enabled("hitl-accept"));
    expect(shown.find("hitl-rule-menu")).toBeNull();
  });

  it("says by whose rule a call was allowed, how far it reaches, and lets it be revoked", async () => {
    cards.server.ask("made", GATED);
    cards.server.append({ ...completed("made", { rule: RULE }), event_id: "the-rule" });
    const shown = await cards.asked(GATED);
    cards.server.append(
      completed("r1", { by_rule: "the-rule", answered_by: { name: "ada", via: "rule" } }),
    );
    await until(() => shown.status === "answered");
    expect(shown.text("hitl-record")).toContain("Allowed by ada’s rule");
    expect(shown.text("hitl-record")).not.toContain("via");
    shown.click("hitl-revoke");
    await until(() => cards.server.asked.includes("POST /rules/the-rule/revoke"));
  });
});
