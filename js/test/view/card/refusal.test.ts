/** A rejection is sent at once, and no approval from the same page overtakes it. */
import { describe, expect, it } from "vitest";
import { hold } from "../../../src/client/shared";
import { UNDO_KEY } from "../../../src/client/undo";
import { until } from "../../until";
import { ALL_DECISIONS, pageWithServer } from "../page-with-server";

const cards = pageWithServer();
const { asked, drawn } = cards;

/** Hold an approval on one of two cards of a question, whose server then takes no answer. */
async function heldBesideAnother() {
  localStorage.setItem(UNDO_KEY, "60000");
  for (const transport of ["websocket", "sse"] as const) cards.server.refused.add(transport);
  const shown = await asked({ response: ALL_DECISIONS });
  const other = drawn({ response: ALL_DECISIONS });
  await until(() => other.status === "pending");
  shown.click("hitl-accept");
  await until(() => shown.find("hitl-undo"));
  cards.server.status = 503;
  return [shown, other] as const;
}

describe("a refusal", () => {
  it("goes at once, with what was written", async () => {
    const shown = await asked({ response: ALL_DECISIONS });
    shown.type("Not like this");
    await until(() => shown.enabled("hitl-send"));
    shown.click("hitl-reject");
    await until(() => shown.status === "answered");
    expect(shown.find("hitl-undo")).toBeNull();
    expect(cards.lastEvent()).toMatchObject({
      decision: "reject",
      human_feedback: "Not like this",
    });
  });

  it.each([
    ["a click", (shown: Awaited<ReturnType<typeof asked>>) => shown.click("hitl-reject")],
    ["its key", (shown: Awaited<ReturnType<typeof asked>>) => shown.press("x", {}, "hitl-card")],
  ] as const)(
    "takes the place of an approval that can still be taken back, by %s",
    async (_, refuse) => {
      const shown = await asked({ response: ALL_DECISIONS });
      shown.click("hitl-accept");
      await until(() => shown.find("hitl-undo"));
      refuse(shown);
      await until(() => shown.status === "answered");
      expect(cards.lastEvent()).toMatchObject({ decision: "reject" });
      expect(cards.server.answers).toHaveLength(1);
    },
  );

  it("is not offered in its place where the request cannot be refused", async () => {
    const shown = await asked({ response: { decisions: ["approve", "respond"] } });
    shown.click("hitl-accept");
    await until(() => shown.find("hitl-undo"));
    expect(shown.find("hitl-reject")).toBeNull();
  });

  it("takes the place of an approval that has not reached the server", async () => {
    localStorage.setItem(UNDO_KEY, "0");
    for (const transport of ["websocket", "sse"] as const) cards.server.refused.add(transport);
    const shown = await asked({ response: ALL_DECISIONS });
    cards.server.status = 503;
    shown.click("hitl-accept");
    await until(() => !shown.enabled("hitl-accept") && shown.enabled("hitl-reject"));
    shown.click("hitl-reject");
    await until(() => !shown.enabled("hitl-reject"));
    cards.server.status = null;
    await until(() => cards.lastEvent()?.type === "human_input_completed");
    expect(cards.lastEvent()).toMatchObject({ decision: "reject" });
    await until(() => shown.status === "answered");
    expect(cards.server.answers).toHaveLength(1);
  });

  it("is not overtaken by the approval of another card of the same question", async () => {
    const [shown, other] = await heldBesideAnother();
    other.click("hitl-reject");
    shown.click("hitl-send-now");
    await until(() => shown.find("hitl-undo") === null);
    cards.server.status = null;
    await until(() => cards.lastEvent()?.type === "human_input_completed");
    expect(cards.lastEvent()).toMatchObject({ decision: "reject" });
    await until(() => shown.status === "answered");
  });

  it("is not overtaken by an approval that was held when the refusal failed", async () => {
    const [shown, other] = await heldBesideAnother();
    cards.server.leaveSeconds = 60; // too long for a click: it waits until the server is back
    other.click("hitl-reject");
    const waits = () => other.find("hitl-held") !== null; // or the link has not noticed yet
    await until(() => waits() || other.find("hitl-error") !== null);
    shown.click("hitl-send-now");
    await until(() => shown.find("hitl-error"));
    expect(cards.server.answers).toHaveLength(0);
    cards.server.status = null;
    cards.server.leaveSeconds = 0;
    const page = hold(cards.server.endpoint);
    page.client.retryNow();
    page.release();
    if (!waits()) other.click("hitl-reject");
    await until(() => other.status === "answered");
    expect(cards.lastEvent()).toMatchObject({ decision: "reject" });
  });
});
