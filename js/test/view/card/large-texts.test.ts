import { describe, expect, it } from "vitest";
import { UNDO_KEY } from "../../../src/client/undo";
import { mountInbox } from "../../../src/view/bundle/mount-bundle";
import { until } from "../../until";
import { pageWithServer } from "../page-with-server";
import type { Shown } from "../shown";

const cards = pageWithServer();

const LARGE = { context: "# All of it", response: { decisions: ["approve", "reject"] } };

/** Ask a question that the stream brings in brief. */
function askLarge(fields: object = LARGE): void {
  cards.server.brief.add("r1");
  cards.server.ask("r1", fields);
}

/** Show the inbox. */
function inbox(): Shown {
  return cards.show((element) => mountInbox(element, "inbox", cards.server.endpoint));
}

describe("a large question in a list", () => {
  it("is fetched when it shows, and can be answered then", async () => {
    localStorage.setItem(UNDO_KEY, "0");
    askLarge();
    const shown = inbox();
    await until(() => shown.enabled("hitl-accept"));
    expect(shown.text("hitl-context").trim()).toBe("All of it");
    expect(shown.find("hitl-loading")).toBeNull();
    expect(shown.find("hitl-send")).toBeNull(); // its own decisions, not the usual ones
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
  });

  it("offers no answer and says why while it cannot be fetched, and is tried again", async () => {
    cards.server.textsStatus = 404;
    askLarge();
    const shown = inbox();
    await until(() => shown.find("hitl-not-loaded"));
    expect(shown.text("hitl-not-loaded")).toContain("Not now.");
    expect(shown.text("hitl-prompt")).toBe("Question r1?");
    expect(shown.find("hitl-accept")).toBeNull();
    expect(shown.find("hitl-reject")).toBeNull();
    cards.server.textsStatus = null;
    shown.click("hitl-load-again");
    await until(() => shown.enabled("hitl-accept"));
    expect(shown.text("hitl-context").trim()).toBe("All of it");
  });

  it("is tried again when the connection is back", async () => {
    cards.server.textsStatus = 503;
    askLarge();
    const shown = inbox();
    await until(() => shown.find("hitl-not-loaded"));
    cards.server.textsStatus = null;
    cards.server.drop();
    await until(() => shown.enabled("hitl-accept"));
  });

  it("keeps events that arrive while its texts are fetched", async () => {
    cards.server.textsStatus = 503;
    askLarge();
    const shown = inbox();
    await until(() => shown.find("hitl-not-loaded"));
    const by = { name: "ada", via: "cli" };
    cards.server.append({ type: "human_input_claimed", request_id: "r1", claimed_by: by });
    await until(() => shown.element.textContent?.includes("ada is looking at this"));
    cards.server.textsStatus = null;
    shown.click("hitl-load-again");
    await until(() => shown.enabled("hitl-accept"));
    expect(shown.element.textContent).toContain("ada is looking at this");
  });

  it("shows its outcome even if its texts cannot be fetched", async () => {
    cards.server.textsStatus = 503;
    askLarge();
    const shown = inbox();
    await until(() => shown.find("hitl-not-loaded"));
    cards.server.append({ type: "human_input_cancelled", request_id: "r1", reason: "withdrawn" });
    await until(() => shown.status === "cancelled");
    expect(shown.text("hitl-record")).toContain("withdrawn");
  });
});

describe("a large question under its cell", () => {
  it("shows the text that came with it, but can only be answered with the server's", async () => {
    cards.server.textsStatus = 503;
    askLarge();
    const shown = cards.drawn({ context: "another text", response: LARGE.response });
    await until(() => shown.find("hitl-not-loaded"));
    expect(shown.text("hitl-context").trim()).toBe("another text");
    expect(shown.enabled("hitl-accept")).toBe(false);
    expect(shown.enabled("hitl-reject")).toBe(false);
    shown.press("a", {}, "hitl-card");
    expect(cards.server.answers).toEqual([]);
    cards.server.textsStatus = null;
    shown.click("hitl-load-again");
    await until(() => shown.enabled("hitl-accept"));
    expect(shown.text("hitl-context").trim()).toBe("All of it");
  });
});
