import { describe, expect, it } from "vitest";
import { decodeFrame, decodeRefusal, decodeRequired, decodeText } from "../../src/protocol/decode";
import { goldenFrames } from "./golden";

describe("the boundary", () => {
  it.each(goldenFrames)("takes the golden frame for what it is: $name", ({ kind, frame }) => {
    expect(decodeFrame(frame).kind).toBe(kind);
  });

  it("fills what a publisher of the documents' dialect leaves out", () => {
    const required = decodeRequired({
      type: "human_input_required",
      event_id: "e",
      request_id: "e",
      prompt: "p",
      timestamp: "2025-08-02T16:00:00Z",
    });
    expect(required).toMatchObject({
      context: "",
      kind: "task_feedback",
      round: 1,
      response: { decisions: ["approve", "respond"], options: null, multiple: false },
      source: { notebook: null, agent_role: null },
    });
  });

  it("drops fields that it does not know and keeps an unknown type's place in the log", () => {
    const known = goldenFrames.find(({ name }) => name.startsWith("an unknown field"));
    const decoded = decodeFrame(known?.frame);
    expect(decoded.kind === "event" && "mood" in decoded.event).toBe(false);
    expect(decodeFrame({ type: "run_started", event_id: "e7", offset: 7 })).toEqual({
      kind: "unknown",
      event: { type: "run_started", event_id: "e7", offset: 7 },
    });
  });

  it("is not fooled by names that every object inherits", () => {
    expect(decodeFrame({ type: "constructor", event_id: "e" }).kind).toBe("unknown");
    expect(decodeFrame({ type: "toString" }).kind).toBe("invalid");
    const raw = JSON.parse('{"type":"human_input_required","__proto__":{"prompt":"p"}}');
    expect(decodeFrame(raw).kind).toBe("invalid");
  });

  it("refuses text that is not JSON without throwing", () => {
    expect(decodeText("<html>").kind).toBe("invalid");
  });

  it("keeps the status of an error whose body is a proxy's page", () => {
    expect(decodeRefusal(413, null)).toMatchObject({ status: 413, error: "error", event: null });
  });
});
