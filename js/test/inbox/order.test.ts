import { expect, it } from "vitest";
import { type Order, ordered } from "../../src/inbox/order";
import { type Request, requestFromListing } from "../../src/protocol/state";

function asked(id: string, crew: string | null, expiresAt: string | null): Request {
  const made = requestFromListing({
    event_id: id,
    request_id: id,
    prompt: "Good?",
    timestamp: "2026-11-22T01:00:00Z",
    status: "pending",
    expires_at: expiresAt,
    source: { crew_name: crew },
  });
  if (made === null) throw new Error("not a request");
  return made;
}

const ASKED = [
  asked("first", "writers", null),
  asked("second", null, "2026-11-22T03:00:00Z"),
  asked("third", "Editors", "2026-11-22T02:00:00Z"),
  asked("fourth", "writers", null),
];

it.each<[Order, readonly string[]]>([
  ["oldest", ["first", "second", "third", "fourth"]],
  ["newest", ["fourth", "third", "second", "first"]],
  ["deadline", ["third", "second", "first", "fourth"]],
  ["crew", ["third", "first", "fourth", "second"]],
])("puts the requests in the order %s", (order, ids) => {
  expect(ordered(ASKED, order).map(({ required }) => required.request_id)).toEqual(ids);
});
