import { describe, expect, it } from "vitest";
import { decodeFrame, type RunEvent } from "../../src/protocol/decode";
import { foldRun, type RunState } from "../../src/protocol/run";
import { goldenRuns } from "./golden";

describe("the fold of a run", () => {
  it.each(goldenRuns)("agrees with Python: $name", ({ events, run }) => {
    expect(said(foldRun(runEvents(events)))).toEqual(run);
  });
});

describe("a run's event", () => {
  it("that does not fit its type is an unknown event like any other", () => {
    const broken = { type: "run_failed", event_id: "e1", timestamp: "2026-11-22T01:00:00Z" };
    expect(decodeFrame(broken).kind).toBe("unknown");
  });
});

function runEvents(raw: readonly unknown[]): RunEvent[] {
  return raw.map(decodeFrame).flatMap((decoded) => (decoded.kind === "run" ? [decoded.event] : []));
}

function said(state: RunState | null) {
  if (state === null) return null;
  return {
    status: state.status,
    source_id: state.source.id,
    steps: state.steps.map(({ startedAt, endedAt, ...step }) => ({
      ...step,
      started_at: startedAt,
      ended_at: endedAt,
    })),
    end_id: state.end?.event_id ?? null,
    cancel_requested: state.cancelRequested,
  };
}
