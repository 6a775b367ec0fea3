import { expect, it } from "vitest";
import { Unsent } from "../../src/client/unsent";

it("a decision that waited for more than an hour does not go by itself", async () => {
  const unsent = new Unsent(() => undefined);
  const answer = { human_feedback: "", decision: "approve", options: null, via: "inbox" } as const;
  const wait = (id: string, minutes: number) =>
    unsent.wait(id, answer, performance.now(), Date.now() - minutes * 60_000);
  const [old, recent] = [wait("old", 61), wait("recent", 59)];
  unsent.release();
  expect(await old).toBe(false);
  expect(await recent).toBe(true);
  expect(unsent.get("old")).toBeNull();
});
