import { describe, expect, it } from "vitest";
import type { Answer, Outcome, Timing } from "../../src/client/answers";
import { Client } from "../../src/client/client";
import { alike, answerOf, decideAll, isSimple, verdictsOf } from "../../src/inbox/bulk";
import { type Asked, decodeRequired } from "../../src/protocol/decode";
import type { HumanInputRequired } from "../../src/protocol/gen";
import type { Request } from "../../src/protocol/state";
import { LogServer } from "../client/log-server";

function required(id: string, kind: string, response: object): HumanInputRequired {
  const made = decodeRequired({
    type: "human_input_required",
    event_id: id,
    request_id: id,
    prompt: "Good?",
    timestamp: "2026-11-22T01:00:00Z",
    kind,
    response,
  });
  if (made === null) throw new Error("not a question");
  return made;
}

const pending = (one: HumanInputRequired, status: Request["status"] = "pending"): Request => ({
  required: one,
  status,
  claimedBy: null,
  claim: null,
  completion: null,
});

const allow = { decisions: ["approve", "reject"] };
const one = required("1", "tool_approval", allow);
const two = required("2", "tool_approval", { decisions: ["reject", "approve"] });
const question = required("3", "question", { decisions: ["respond"], options: ["a", "b"] });

describe("alike requests", () => {
  it("are pending, of one kind, and take the same answers", () => {
    const other = required("4", "llm_approval", allow);
    const ended = pending(required("5", "tool_approval", allow), "answered");
    const all = [pending(one), pending(two), pending(question), pending(other), ended];
    expect(alike(all, one).map(({ required: { request_id } }) => request_id)).toEqual(["1", "2"]);
  });

  it("are whole: what was sent in brief cannot have been read", () => {
    const brief: Asked = { ...two, brief: true };
    expect(alike([pending(one), pending(brief)], one)).toEqual([pending(one)]);
    expect(isSimple(brief)).toBe(false);
    expect(isSimple(two)).toBe(true);
  });

  it("can be decided when that takes no writing", () => {
    const reject = { decision: "reject", reason: "" };
    const draft = required("8", "task_feedback", allow);
    expect(verdictsOf(draft)).toEqual([{ decision: "approve" }, reject]);
    expect(verdictsOf(one), "a call").toEqual([reject, { decision: "approve" }]);
    expect(verdictsOf(question)).toEqual([
      { decision: "respond", option: "a" },
      { decision: "respond", option: "b" },
    ]);
    expect(isSimple(required("6", "question", { decisions: ["respond"] }))).toBe(false);
    const form = { decisions: ["respond"], schema: { type: "object", properties: {} } };
    expect(isSimple(required("7", "question", form))).toBe(false);
  });
});

describe("a decision for several", () => {
  it("is one answer for each, and a refusal of one stops no other", async () => {
    const asked: string[] = [];
    const outcomes = new Map<string, Outcome>();
    const send = async (id: string): Promise<Outcome> => {
      asked.push(id);
      return id === "2" ? { kind: "unreachable" } : { kind: "accepted", event: null };
    };
    const ids = ["1", "2", "3", "4", "5", "6"];
    await decideAll(ids, answerOf({ decision: "approve" }, "inbox"), send, (id, outcome) => {
      outcomes.set(id, outcome);
    });
    expect(asked.sort()).toEqual(ids);
    expect(outcomes.get("2")?.kind).toBe("unreachable");
    expect([...outcomes.values()].filter(({ kind }) => kind === "accepted")).toHaveLength(5);
  });

  it("sends a few at a time, and says at once what was decided of the others", async () => {
    const decided: string[] = [];
    const sending = new Set<string>();
    let most = 0;
    const send = async (id: string, _: Answer, { turn, decidedAt }: Timing): Promise<Outcome> => {
      decided.push(id);
      expect(decidedAt).toBeLessThanOrEqual(performance.now());
      const over = await turn?.();
      sending.add(id);
      most = Math.max(most, sending.size);
      await Promise.resolve();
      sending.delete(id);
      over?.();
      return { kind: "accepted", event: null };
    };
    const ids = Array.from({ length: 20 }, (_, number) => String(number));
    const all = decideAll(ids, answerOf({ decision: "approve" }, "inbox"), send, () => {});
    expect(decided).toEqual(ids);
    await all;
    expect([most, sending.size]).toEqual([4, 0]);
  });

  it("refuses before what a card held of one whose turn had not come", async () => {
    const server = await new LogServer().start();
    const client = new Client(server.endpoint); // not connected, so that each goes by a call
    const ids = Array.from({ length: 12 }, (_, number) => `r${number}`);
    for (const id of ids) server.ask(id);
    const refusal = answerOf({ decision: "reject", reason: "" }, "inbox");
    const approval = answerOf({ decision: "approve" }, "card");
    const refused = decideAll(ids, refusal, client.answer.bind(client), () => {});
    const late = await client.answer("r11", approval, { decidedAt: performance.now() - 1000 });
    await refused;
    expect(late).toMatchObject({ kind: "refused", refusal: { status: 409 } });
    const ends = server.events().filter(({ type }) => type === "human_input_completed");
    expect(ends.map(({ decision }) => decision)).toEqual(ids.map(() => "reject"));
    client.stop();
    await server.stop();
  });

  it("says an option as a choice and as text, and a reason as text", () => {
    expect(answerOf({ decision: "respond", option: "a" }, "inbox")).toMatchObject({
      human_feedback: "a",
      options: ["a"],
      via: "inbox",
    });
    expect(answerOf({ decision: "reject", reason: " No " }, "panel")).toMatchObject({
      decision: "reject",
      human_feedback: "No",
      options: null,
    });
  });
});
