import { describe, expect, it } from "vitest";
import { callsFor, newsOf } from "../../src/inbox/notifications";
import { DEFAULTS, isQuiet, preferencesFrom } from "../../src/inbox/preferences";
import type { Request } from "../../src/protocol/state";

const at = (clock: string) => new Date(`2026-11-22T${clock}:00`);

function pending(id: string): Request {
  return { required: { request_id: id }, status: "pending", claimedBy: null } as Request;
}

const known = (...requests: Request[]) =>
  new Map(requests.map((request) => [request.required.request_id, request] as const));

describe("news", () => {
  const [one, two] = [pending("1"), pending("2")];

  it("is nothing of what waited when the page came up", () => {
    expect(newsOf(null, [one, two])).toEqual({ fresh: [], reminded: [] });
  });

  it("is a question that came since", () => {
    expect(newsOf(known(one), [one, two])).toEqual({ fresh: ["2"], reminded: [] });
  });

  it("is no question whose texts have come since", () => {
    const whole = { ...one, required: { ...one.required, context: "all of it" } };
    expect(newsOf(known(one), [whole])).toEqual({ fresh: [], reminded: [] });
  });

  it("is a reminder, but not a claim", () => {
    const claimed = { ...two, claimedBy: { name: "ada", via: "cli" } };
    expect(newsOf(known(one, two), [{ ...one }, claimed])).toEqual({
      fresh: [],
      reminded: ["1"],
    });
  });
});

describe("a call", () => {
  const all = { ...DEFAULTS, notifications: true, sound: true };
  const news = { fresh: ["1"], reminded: [] };

  it("is given by nothing unless it was asked for", () => {
    expect(callsFor(news, DEFAULTS, at("12:00"), false)).toEqual({
      notification: null,
      sound: false,
    });
  });

  it("shows no word of the question, and nothing while the page is looked at", () => {
    expect(callsFor(news, all, at("12:00"), false)).toEqual({
      notification: "A crew is waiting for you",
      sound: true,
    });
    expect(callsFor(news, all, at("12:00"), true).notification).toBeNull();
    const many = { fresh: ["1", "2"], reminded: ["3"] };
    expect(callsFor(many, all, at("12:00"), false).notification).toBe(
      "3 questions are waiting for you",
    );
    const reminder = { fresh: [], reminded: ["3"] };
    expect(callsFor(reminder, all, at("12:00"), false).notification).toBe(
      "A crew is still waiting for you",
    );
  });

  it("is not given in quiet hours", () => {
    const quiet = { ...all, quietFrom: "22:00", quietTo: "07:00" };
    expect(callsFor(news, quiet, at("23:30"), false)).toEqual({ notification: null, sound: false });
    expect(callsFor(news, quiet, at("07:00"), false).sound).toBe(true);
  });
});

describe("quiet hours", () => {
  it.each([
    ["22:00", "07:00", "22:00", true],
    ["22:00", "07:00", "06:59", true],
    ["22:00", "07:00", "07:00", false],
    ["22:00", "07:00", "12:00", false],
    ["12:00", "13:00", "12:30", true],
    ["12:00", "13:00", "13:00", false],
    ["12:00", "12:00", "12:00", false],
    ["", "13:00", "12:30", false],
  ])("from %s to %s: at %s %s", (quietFrom, quietTo, clock, quiet) => {
    expect(isQuiet({ ...DEFAULTS, quietFrom, quietTo }, at(clock))).toBe(quiet);
  });
});

describe("preferences", () => {
  it.each([null, "text", [1], { notifications: "yes", quietFrom: "25:00", undoSeconds: -1 }])(
    "that cannot be read (%j) are as without any setting",
    (raw) => {
      expect(preferencesFrom(raw)).toEqual(DEFAULTS);
    },
  );

  it("have a longest time to undo", () => {
    expect(preferencesFrom({ undoSeconds: 999 }).undoSeconds).toBe(30);
  });
});
