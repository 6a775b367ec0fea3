/** The times on a card: since when it asks, and until when. */
import { describe, expect, it } from "vitest";
import { until } from "../../until";
import { pageWithServer } from "../page-with-server";

const cards = pageWithServer();
const { asked } = cards;

describe("the deadline", () => {
  it("is counted down, with what happens then", async () => {
    const expires_at = new Date(Date.now() + 20_000).toISOString();
    const response = {
      decisions: ["respond"],
      options: ["a", "b"],
      default: { option: "b" },
      on_expiry: "default",
    };
    const shown = await asked({ kind: "question", expires_at, response });
    expect(shown.text("hitl-countdown")).toMatch(/^0:\d\d left$/);
    expect(shown.find("hitl-countdown")?.dataset.urgent).toBe("true");
    expect(shown.element.textContent).toContain("then it is answered with “b”");
  });

  it("shows that a reminder was sent", async () => {
    const remind_at = new Date(Date.now() - 1000).toISOString();
    const shown = await asked({ remind_at });
    expect(shown.element.textContent).toContain("reminder sent");
  });
});

describe("a browser whose clock is wrong", () => {
  const HOUR = 3_600_000;

  it.each(["websocket", "sse"] as const)("goes by the server's, told by %s", async (transport) => {
    if (transport === "sse") cards.server.refused.add("websocket");
    cards.server.clockAheadMs = HOUR;
    const now = Date.now() + HOUR;
    const shown = await asked({
      timestamp: new Date(now - 60_000).toISOString(),
      expires_at: new Date(now + 20_000).toISOString(),
    });
    await until(() => /^0:\d\d left$/.test(shown.text("hitl-countdown")));
    expect(shown.element.textContent).toContain("1 min");
  });
});
