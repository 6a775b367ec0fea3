import { describe, expect, it } from "vitest";
import { decodeRequired } from "../src/decode";
import { answerFor, canRespond, choicesOf } from "../src/view/choices";
import { asker, clockTime, reasons, relative } from "../src/view/words";

const now = new Date("2026-11-22T12:00:00Z");

function question(fields: object) {
  const raw = {
    type: "human_input_required",
    event_id: "e",
    request_id: "e",
    prompt: "?",
    timestamp: now.toISOString(),
    ...fields,
  };
  const required = decodeRequired(raw);
  if (required === null) throw new Error("the test's own event is wrong");
  return required;
}

describe("the words", () => {
  it.each([
    ["2026-11-22T11:59:50Z", "just now"],
    ["2026-11-22T12:00:20Z", "just now"],
    ["2026-11-22T11:59:00Z", "1 min ago"],
    ["2026-11-22T11:00:00Z", "1 h ago"],
    ["2026-11-20T12:00:00Z", "2 days ago"],
    ["2026-11-22T12:05:00Z", "in 5 min"],
    ["nonsense", ""],
  ])("tell %s as '%s'", (iso, text) => {
    expect(relative(iso, now)).toBe(text);
  });

  it("name the date only when it is not today's", () => {
    expect(clockTime(now.toISOString(), now)).not.toContain("2026");
    expect(clockTime("2026-11-20T12:00:00Z", now)).toContain("2026");
  });

  it("name the agent first, then what is known around it", () => {
    const source = {
      agent_role: "Writer\n",
      crew_name: "Crew",
      task_name: "",
      notebook: "/some/where/a.ipynb",
    };
    expect(asker(question({ source, round: 2 }))).toEqual({
      name: "Writer",
      details: ["Crew", "a.ipynb", "round 2"],
    });
    expect(asker(question({}))).toEqual({ name: "A crew", details: [] });
  });

  it("tell only the reasons that hold", () => {
    const flags = { missing_field: true, ambiguity: false };
    expect(reasons(question({ reason_flags: flags }))).toEqual(["missing field"]);
  });
});

describe("the choices", () => {
  const options = { decisions: ["respond", "reject"], options: ["a", "b"], multiple: true };

  it("are those that the request accepts", () => {
    expect(choicesOf(question({}).response)).toMatchObject({
      approve: true,
      respond: true,
      reject: false,
      more: false,
    });
    expect(choicesOf(question({ response: options }).response)).toMatchObject({
      approve: false,
      reject: true,
      options: ["a", "b"],
      multiple: true,
    });
  });

  it("say so when an answer needs a form that this card does not have", () => {
    const response = { decisions: ["respond", "reject"], schema: { type: "object" } };
    const choices = choicesOf(question({ kind: "question", response }).response);
    expect(choices).toMatchObject({ respond: false, reject: true, more: true });
  });

  it("never turn blank feedback into a response, nor a missing option", () => {
    expect(canRespond(choicesOf(question({}).response), { text: " \n", chosen: [] })).toBe(false);
    const choices = choicesOf(question({ response: options }).response);
    expect(canRespond(choices, { text: "words", chosen: [] })).toBe(false);
    expect(canRespond(choices, { text: "", chosen: ["a"] })).toBe(true);
  });

  it("send an approval without text, and an option also as text", () => {
    const saying = { text: "draft", chosen: [] };
    expect(answerFor("approve", saying, "lab")).toEqual({
      human_feedback: "",
      decision: "approve",
      options: null,
      via: "lab",
    });
    expect(answerFor("respond", { text: "", chosen: ["a", "b"] }, "lab")).toMatchObject({
      human_feedback: "a, b",
      options: ["a", "b"],
    });
  });
});
