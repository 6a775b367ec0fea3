import { describe, expect, it } from "vitest";
import { fold, requestFromListing } from "../../src/protocol/state";
import { goldenFolds, requestEvents } from "./golden";

describe("the fold", () => {
  it.each(goldenFolds)("agrees with Python: $name", ({ events, requests }) => {
    const folded = [...fold(requestEvents(events)).values()].map((request) => ({
      request_id: request.required.request_id,
      status: request.status,
      claimed_by: request.claimedBy,
      completion_id: request.completion?.event_id ?? null,
    }));
    expect(folded).toEqual(requests);
  });

  it("gives the same requests when a replay repeats every event", () => {
    for (const { events } of goldenFolds) {
      const once = requestEvents(events);
      expect(fold([...once, ...once])).toEqual(fold(once));
    }
  });
});

describe("a listing's entry", () => {
  const entry = {
    type: "human_input_required",
    event_id: "e1",
    request_id: "r1",
    prompt: "p",
    timestamp: "2026-11-22T01:00:00Z",
  };

  it("becomes the request that a fold would have given", () => {
    const request = requestFromListing({
      ...entry,
      status: "cancelled",
      claimed_by: { name: "ada", via: "cli" },
      completion: {
        type: "human_input_cancelled",
        event_id: "e2",
        request_id: "r1",
        reason: "source_lost",
        timestamp: "2026-11-22T01:00:01Z",
      },
    });
    expect(request).toMatchObject({
      status: "cancelled",
      claimedBy: { name: "ada" },
      completion: { reason: "source_lost" },
    });
  });

  it("is nothing when its status is none that is known", () => {
    expect(requestFromListing({ ...entry, status: "lost" })).toBeNull();
    expect(requestFromListing(null)).toBeNull();
  });
});
