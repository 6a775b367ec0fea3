import { describe, expect, it } from "vitest";
import { isFound } from "../../src/inbox/search";
import { fold } from "../../src/protocol/state";
import { goldenSearches, requestEvents } from "../protocol/golden";

describe("a search", () => {
  it.each(goldenSearches)("agrees with Python: $name", ({ events, found, missed }) => {
    const [request] = fold(requestEvents(events)).values();
    if (request === undefined) throw new Error("not a request");
    expect(found.filter((text) => !isFound(request, text))).toEqual([]);
    expect(missed.filter((text) => isFound(request, text))).toEqual([]);
  });
});
