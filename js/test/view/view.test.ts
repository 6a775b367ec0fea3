import { beforeEach, describe, expect, it } from "vitest";
import { readDraft } from "../../src/client/drafts";
import type { Endpoint } from "../../src/client/endpoint";
import { UNDO_KEY } from "../../src/client/undo";
import card from "../../src/entries/widget";
import { mountBundle, mountInbox } from "../../src/view/bundle/mount-bundle";
import { until } from "../until";
import { page } from "./page";
import { pageWithServer } from "./page-with-server";
import { Shown, snapshot } from "./shown";

const rig = pageWithServer();

beforeEach(() => {
  localStorage.setItem(UNDO_KEY, "0"); // undo has tests of its own
});

function show(payload: unknown, via = "card", endpoint: Endpoint | null = rig.server.endpoint) {
  return rig.show((element) => mountBundle(element, payload, via, endpoint));
}

describe("a card", () => {
  it("is drawn at once, can be answered once the server knows of it, and keeps the record", async () => {
    const shown = show(snapshot("r1", { context: "# Draft", reason_flags: { review: true } }));
    expect(shown.text("hitl-prompt")).toBe("Good?");
    expect(shown.find("hitl-context")?.querySelector("h1")?.textContent).toBe("Draft");
    expect(shown.status).toBe("sending");
    expect(shown.enabled("hitl-accept")).toBe(false);
    expect(shown.element.textContent).toContain("Sending to the server…");
    rig.server.ask("r1");
    await until(() => shown.enabled("hitl-accept"));
    shown.click("hitl-accept");
    await until(() => shown.status === "answered");
    expect(shown.text("hitl-record")).toContain("Accepted");
    expect(shown.text("hitl-record")).toContain("Accepted by you");
    expect(shown.find("hitl-question")?.hasAttribute("open")).toBe(false);
    const summary = shown.find("hitl-question")?.querySelector("summary");
    expect(summary?.textContent).toBe("Question: Question r1?");
    expect(shown.find("hitl-accept")).toBeNull();
  });

  it("sends feedback by Ctrl+Enter, and never a blank one", async () => {
    rig.server.ask("r1");
    const shown = show(snapshot("r1"));
    await until(() => shown.status === "pending");
    expect(shown.enabled("hitl-send")).toBe(false);
    shown.press("Enter", { ctrlKey: true });
    shown.type("Shorter, please");
    await until(() => shown.enabled("hitl-send"));
    expect(shown.text("hitl-accept")).toBe("Accept without feedback");
    shown.press("Enter", {});
    shown.press("Enter", { ctrlKey: true });
    await until(() => shown.status === "answered");
    expect(shown.text("hitl-record")).toContain("Shorter, please");
    expect(rig.server.answers).toHaveLength(1);
    expect(readDraft(rig.server.endpoint.prefix, "r1")).toBeNull();
  });

  it("shows an answer given on another copy of it at once", async () => {
    rig.server.ask("r1");
    const one = show(snapshot("r1"));
    const two = show(snapshot("r1"), "lab");
    await until(() => one.status === "pending" && two.status === "pending");
    one.click("hitl-accept");
    await until(() => one.status === "answered");
    await until(() => two.status === "answered");
    expect(two.find("hitl-own-text")).toBeNull();
    expect(rig.server.count("websocket")).toBe(1);
  });

  it("shows who answered first and keeps the unsent text", async () => {
    rig.server.ask("r1");
    const shown = show(snapshot("r1"));
    await until(() => shown.status === "pending");
    shown.type("My careful words");
    rig.answeredByAda();
    await until(() => shown.status === "answered");
    expect(shown.text("hitl-record")).toContain("Feedback sent by adavia the command line");
    expect(shown.text("hitl-own-text")).toBe("My careful words");
  });

  it("says that an answer came too late when the page did not know", async () => {
    rig.server.ask("r1");
    const shown = show(snapshot("r1"));
    await until(() => shown.status === "pending");
    shown.type("My careful words");
    await until(() => shown.enabled("hitl-send"));
    rig.server.deaf = true;
    rig.answeredByAda();
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    await until(() => shown.find("hitl-error"));
    expect(shown.text("hitl-error")).toContain("ada answered first");
    expect(shown.text("hitl-own-text")).toBe("My careful words");
  });

  it("shows why an answer was refused, and stays open with the text", async () => {
    rig.server.ask("r1");
    const shown = show(snapshot("r1"));
    await until(() => shown.status === "pending");
    shown.type("invalid");
    await until(() => shown.enabled("hitl-send"));
    shown.click("hitl-send");
    await until(() => shown.find("hitl-error"));
    expect(shown.text("hitl-error")).toContain("not this");
    expect(shown.status).toBe("pending");
    expect((shown.find("hitl-feedback") as HTMLTextAreaElement).value).toBe("invalid");
    await until(() => shown.enabled("hitl-send"));
  });

  it("keeps a draft over a reload of the page", async () => {
    const before = show(snapshot("r1"));
    before.type("Half a thought");
    rig.takeDown();
    const after = show(snapshot("r1"));
    expect((after.find("hitl-feedback") as HTMLTextAreaElement).value).toBe("Half a thought");
  });

  it.each([
    ["human_input_cancelled", { reason: "source_lost" }, "the kernel that asked has stopped"],
    ["human_input_expired", {}, "nobody answered in time"],
  ])("of a request that ended by %s says so and offers nothing", async (type, fields, words) => {
    rig.server.ask("r1");
    rig.server.append({ type, request_id: "r1", ...fields });
    const shown = show(snapshot("r1", { timestamp: "2020-01-01T00:00:00Z" }));
    await until(() => shown.find("hitl-record"));
    expect(shown.text("hitl-record")).toContain(words);
    expect(shown.find("hitl-accept")).toBeNull();
  });

  it("says when the log no longer has the request", async () => {
    const shown = show(snapshot("r1", { timestamp: "2020-01-01T00:00:00Z" }));
    await until(() => shown.status === "gone");
    expect(shown.text("hitl-record")).toBe("This request is no longer in the server's log.");
  });

  it("shows the server's question, not one forged in a notebook", async () => {
    rig.server.ask("r1", { prompt: "Delete everything?" });
    const shown = show(snapshot("r1", { prompt: "Do you like cats?" }));
    await until(() => shown.status === "pending");
    expect(shown.text("hitl-prompt")).toBe("Delete everything?");
  });

  it("offers options and sends the chosen one", async () => {
    const response = { decisions: ["respond", "reject"], options: ["a", "b"] };
    rig.server.ask("r1", { kind: "question", response });
    const shown = show(snapshot("r1", { kind: "question", response }));
    await until(() => shown.status === "pending");
    expect(shown.find("hitl-accept")).toBeNull();
    expect(shown.find("hitl-reject")).not.toBeNull();
    shown.element.querySelectorAll<HTMLInputElement>("input[type=radio]")[1]?.click();
    await until(() => shown.enabled("hitl-send"));
    shown.click("hitl-send");
    await until(() => shown.status === "answered");
    expect(shown.text("hitl-record")).toContain("b");
  });

  it("shows the connection and its transport", async () => {
    rig.server.refused.add("websocket");
    const shown = show(snapshot("r1"));
    expect(shown.find("hitl-connection")?.dataset).toMatchObject({ state: "connecting" });
    await until(() => shown.find("hitl-connection")?.dataset.state === "live");
    expect(shown.find("hitl-connection")?.dataset.transport).toBe("sse");
  });

  it("shows the saved outcome when the log no longer has the request, or cannot be reached", async () => {
    const completion = {
      type: "human_input_completed",
      event_id: "c1",
      request_id: "r1",
      timestamp: "2020-01-01T00:01:00Z",
      human_feedback: "The second one",
      decision: "respond",
      answered_by: { name: "ada", via: "lab" },
    };
    const saved = { ...snapshot("r1", { timestamp: "2020-01-01T00:00:00Z" }), completion };
    const gone = show(saved);
    await until(() => gone.status === "answered");
    expect(gone.text("hitl-card")).toContain("The second one");
    expect(gone.text("hitl-card")).toContain("log does not have this request");
    expect(show(saved, "card", null).element.textContent).toContain("The second one");
    const mixed = { ...saved, completion: { ...completion, request_id: "r2" } };
    const ofAnother = show(mixed, "card", null).element;
    expect(ofAnother.textContent).not.toContain("The second one");
  });

  it("is read-only on a page without a Jupyter server", () => {
    const shown = show(snapshot("r1"), "card", null);
    expect(shown.text("hitl-prompt")).toBe("Good?");
    expect(shown.find("hitl-accept")).toBeNull();
  });

  it("says that it cannot be shown when its data is not readable", () => {
    expect(show({ nonsense: true }).element.textContent).toBe(
      "This card cannot be shown: its data is damaged or from a newer version.",
    );
  });
});

describe("the list of pending requests", () => {
  it("counts, takes in new questions, and keeps an answered one in its place", async () => {
    rig.server.ask("r1");
    rig.server.ask("done");
    rig.server.append({ type: "human_input_expired", request_id: "done" });
    const shown = rig.show((element) => mountInbox(element, "panel", rig.server.endpoint));
    await until(() => shown.text("hitl-count") === "1");
    rig.server.ask("r2");
    await until(() => shown.text("hitl-count") === "2");
    shown.click("hitl-accept");
    await until(() => shown.text("hitl-count") === "1");
    const cards = [...shown.element.querySelectorAll<HTMLElement>("[data-testid=hitl-card]")];
    expect(cards.map(({ dataset }) => [dataset.requestId, dataset.status])).toEqual([
      ["r1", "answered"],
      ["r2", "pending"],
    ]);
    expect(shown.find("hitl-panel")).not.toBeNull();
  });

  it("says when nothing is pending", async () => {
    const shown = show({ mode: "inbox" });
    await until(() => shown.element.textContent?.includes("Nothing is waiting for you."));
    expect(shown.find("hitl-inbox")).not.toBeNull();
  });
});

describe("the anywidget", () => {
  it("finds the server by the page's configuration and leaves nothing behind", async () => {
    const config = page.createElement("script");
    config.id = "jupyter-config-data";
    config.type = "application/json";
    config.textContent = JSON.stringify({ baseUrl: "/user/ada", token: "t" });
    page.body.append(config);
    const listeners = new Set<(content: unknown) => void>();
    const traits: Record<string, unknown> = {
      request: snapshot("r1"),
      via: "widget",
      mode: "card",
    };
    const model = {
      get: (trait: string) => traits[trait],
      on: (_: string, listener: (content: unknown) => void) => listeners.add(listener),
      off: (_: string, listener: (content: unknown) => void) => listeners.delete(listener),
      send: () => undefined,
    };
    const el = page.createElement("div");
    page.body.append(el);
    const cleanup = card.render({ model, el });
    expect(new Shown(el).status).toBe("sending");
    traits.request = snapshot("r2", { prompt: "Another?" });
    for (const listener of listeners) listener(null);
    expect(new Shown(el).text("hitl-prompt")).toBe("Another?");
    cleanup();
    expect(el.childNodes).toHaveLength(0);
    expect(listeners.size).toBe(0);
  });
});
