import { describe, expect, it } from "vitest";
import { decidedFrom, insights, quantile } from "../../src/inbox/insights";
import { requestFromListing } from "../../src/protocol/state";

const ASKED = "2026-11-30T08:00:00Z";

interface Given {
  readonly decision?: string;
  readonly words?: string;
  readonly seconds?: number;
  readonly via?: string;
  readonly status?: string;
  readonly question?: Readonly<Record<string, unknown>>;
}

function decided({ decision, words = "", seconds = 60, via = "api", status, question }: Given) {
  const at = new Date(Date.parse(ASKED) + seconds * 1000).toISOString();
  const same = { event_id: "e", timestamp: at, request_id: "r" };
  const answer = {
    ...same,
    type: "human_input_completed",
    decision,
    human_feedback: words,
    answered_by: { name: "Ada", via },
  };
  const cancelled = { ...same, type: "human_input_cancelled", reason: "withdrawn" };
  const request = requestFromListing({
    ...{ event_id: "q", timestamp: ASKED, request_id: "r", prompt: "Good?" },
    source: { agent_role: "Writer", crew_name: "Newsroom" },
    ...question,
    status: status ?? "answered",
    claimed_by: null,
    completion: status === "cancelled" ? cancelled : answer,
  });
  if (request === null) throw new Error("not a request");
  return decidedFrom(request);
}

describe("the numbers about answers", () => {
  it("count a first draft as passed only if it was accepted unchanged", () => {
    const { drafts } = insights(
      [
        decided({ decision: "approve" }),
        decided({ decision: "edit", words: "Better" }),
        decided({ decision: "respond", words: "Shorter" }),
        decided({ decision: "approve", question: { round: 2 } }),
      ],
      0,
    );
    expect([drafts.passed, drafts.of]).toEqual([1, 3]);
  });

  it("count what a rule allowed by itself", () => {
    const question = { kind: "tool_approval", source: { tool_name: "send" } };
    const found = insights(
      [
        decided({ decision: "reject", words: "No", question }),
        decided({ decision: "approve", via: "rule", seconds: 0, question }),
      ],
      0,
    );
    expect([found.answered, found.byRules]).toEqual([2, 1]);
    expect([found.calls.passed, found.calls.of, found.median]).toEqual([0, 1, 60]);
  });

  it("leave out what no person decided and what cannot pass", () => {
    const found = insights(
      [
        decided({ decision: "approve", via: "default" }),
        decided({ status: "cancelled" }),
        decided({ decision: "respond", words: "Blue", question: { kind: "question" } }),
        decided({
          decision: "respond",
          question: { kind: "flow_feedback", response: { options: ["yes", "no"] } },
        }),
      ],
      0,
    );
    expect([found.drafts.of, found.calls.of, found.refusals.length]).toEqual([0, 0, 0]);
    expect([found.total, found.answered, found.cancelled]).toEqual([4, 3, 1]);
    expect(found.median).toBe(60);
  });

  it("tell calls from drafts, and name the largest part first", () => {
    const call = { kind: "tool_approval", source: { tool_name: "send", agent_role: "Writer" } };
    const found = insights(
      [
        decided({ decision: "reject", words: "Not now", question: call }),
        decided({ decision: "approve", question: call }),
        decided({ decision: "approve" }),
        decided({ decision: "approve", question: { source: { agent_role: "Editor" } } }),
        decided({ decision: "approve", question: { source: { agent_role: "Editor" } } }),
      ],
      0,
    );
    expect(found.tools).toMatchObject([{ name: "send", of: 2, passed: 1 }]);
    expect(found.agents.map(({ name }) => name)).toEqual(["Editor", "Writer"]);
    expect(found.crews.map(({ name }) => name)).toEqual(["Newsroom"]);
  });

  it("put the same words together, however they are written", () => {
    const { refusals } = insights(
      [
        decided({ decision: "respond", words: "Too long" }),
        decided({ decision: "reject", words: " too  long\n" }),
        decided({ decision: "reject" }),
      ],
      0,
    );
    expect(refusals).toEqual([
      { words: "Too long", times: 2, whose: ["Writer"] },
      { words: "", times: 1, whose: ["Writer"] },
    ]);
  });

  it("leave out what was asked before the period", () => {
    const one = decided({ decision: "approve" });
    expect(insights([one], Date.parse(ASKED)).total).toBe(1);
    expect(insights([one], Date.parse(ASKED) + 1)).toMatchObject({ total: 0, median: null });
  });

  it("take a quantile between two neighbours as pandas does", () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([10, 20], 0.9)).toBeCloseTo(19);
    expect(quantile([], 0.5)).toBeNull();
  });
});
