import { describe, expect, it } from "vitest";
import { decodeClosing, decodeRequired } from "../../../src/protocol/decode";
import { answerFor, choicesOf, isUndoable, saysSomething } from "../../../src/view/form/choices";
import { BLANK } from "../../../src/view/form/draft";
import {
  aroundAsker,
  askerWords,
  clockTime,
  person,
  reasons,
  relative,
  verdict,
} from "../../../src/view/words";

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

function completed(decision: string) {
  const raw = {
    type: "human_input_completed",
    event_id: "c",
    request_id: "e",
    human_feedback: "",
    timestamp: now.toISOString(),
    decision,
  };
  const closing = decodeClosing(raw);
  if (closing === null) throw new Error("the test's own event is wrong");
  return closing;
}

describe("the words", () => {
  it.each([
    ["2026-11-22T11:59:50Z", "just now"],
    ["2026-11-22T12:00:20Z", "just now"],
    ["2026-11-22T11:59:00Z", "1 min ago"],
    ["2026-11-22T11:00:00Z", "1 h ago"],
    ["2026-11-20T12:00:00Z", "2 days ago"],
    ["2026-11-22T12:05:00Z", "just now"],
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
    expect(askerWords(question({ source }))).toBe("Writer · crew Crew · a.ipynb");
    expect(askerWords(question({}))).toBe("A crew");
    expect(askerWords(question({ assignee: "ada" }))).toBe("A crew · for ada");
    expect(askerWords(question({ source: { notebook: "a.ipynb" } }))).toBe("a.ipynb");
    const step = { flow_name: "Release", task_name: "gate" };
    expect(askerWords(question({ source: step }))).toBe("Release · step gate");
  });

  it("have no marks that change the direction of the text around a name", () => {
    const hidden = "\u202ereviewer\u2066 \u200fthe\u200e";
    const source = { agent_role: hidden, crew_name: "A\u202eB", notebook: "x/\u202bn.ipynb" };
    const words = askerWords(question({ source, assignee: "a\u2067da" }));
    expect(words).toBe("reviewer the · crew A B · n.ipynb · for a da");
    const by = { name: "Ada\u202e", via: "inbox", identity: "signed_in" } as const;
    expect(person(by as Parameters<typeof person>[0])).toBe("Ada, via the inbox");
  });

  it("leave out a task that the title names", () => {
    const required = question({ source: { agent_role: "Writer", task_name: "weekly_report" } });
    expect(aroundAsker(required, "Weekly report")).toEqual([]);
    expect(aroundAsker(required, "Foxes")).toEqual([{ what: "task", name: "weekly_report" }]);
  });

  it.each([
    ["question", "respond", "Answered"],
    ["question", "reject", "Declined"],
    ["task_feedback", "respond", "Feedback sent"],
    ["tool_approval", "approve", "Allowed"],
    ["tool_approval", "reject", "Refused"],
    ["flow_feedback", "approve", "Accepted"],
  ] as const)("tell of a %s that %s means '%s'", (kind, decision, text) => {
    expect(verdict(completed(decision), kind)).toBe(text);
  });

  it("tell only the reasons that hold and that the kind does not say", () => {
    const flags = { missing_field: true, ambiguity: false, review: true };
    expect(reasons(question({ reason_flags: flags }))).toEqual(["missing field"]);
    const other = question({ kind: "question", reason_flags: { review: true } });
    expect(reasons(other)).toEqual(["review"]);
  });
});

describe("the choices", () => {
  const options = { decisions: ["respond", "reject"], options: ["a", "b"], multiple: true };

  it("are those that the request accepts", () => {
    expect(choicesOf(question({}))).toMatchObject({
      approve: true,
      respond: true,
      reject: false,
      edit: null,
    });
    expect(choicesOf(question({ response: options }))).toMatchObject({
      approve: false,
      reject: true,
      options: ["a", "b"],
      multiple: true,
    });
  });

  it("give a form to a response, or to an edit where there is one", () => {
    const schema = { type: "object", properties: { amount: { type: "integer", default: 3 } } };
    const asked = { kind: "question", response: { decisions: ["respond", "reject"], schema } };
    expect(choicesOf(question(asked))).toMatchObject({
      respond: true,
      edit: null,
      fields: [{ name: "amount" }],
    });
    const response = { decisions: ["approve", "reject", "edit"], schema };
    const call = choicesOf(question({ kind: "tool_approval", response }));
    expect(call).toMatchObject({ respond: false, edit: "form", fields: [{ initial: 3 }] });
  });

  it("offer to edit a draft only where it came along", () => {
    const response = { decisions: ["approve", "respond", "edit"] };
    expect(choicesOf(question({ response })).edit).toBeNull();
    expect(choicesOf(question({ response, draft: "words" })).edit).toBe("draft");
  });

  it("never turn blank feedback into a response, nor a missing option, nor an untouched draft", () => {
    const says = (fields: object, decision: "respond" | "edit", draft: object) => {
      const required = question(fields);
      return saysSomething(decision, required, choicesOf(required), { ...BLANK, ...draft });
    };
    expect(says({}, "respond", { text: " \n" })).toBe(false);
    expect(says({ response: options }, "respond", { text: "words" })).toBe(false);
    expect(says({ response: options }, "respond", { chosen: ["a"] })).toBe(true);
    const reviewed = { response: { decisions: ["approve", "edit"] }, draft: "words" };
    expect(says(reviewed, "edit", {})).toBe(false);
    expect(says(reviewed, "edit", { edited: "words" })).toBe(false);
    expect(says(reviewed, "edit", { edited: " " })).toBe(false);
    expect(says(reviewed, "edit", { edited: "other words" })).toBe(true);
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

  it("send an edit as the edited text, or as the form's values", () => {
    const edited = { text: "a comment", chosen: [], edited: " as it is " };
    expect(answerFor("edit", edited, "lab")).toMatchObject({ human_feedback: " as it is " });
    expect(answerFor("edit", { ...edited, values: { a: 1 } }, "lab")).toMatchObject({
      human_feedback: "",
      values: { a: 1 },
    });
  });
});

describe("the time to undo", () => {
  const flow = { kind: "flow_feedback", response: { decisions: ["respond"], options: ["go"] } };
  const outcomes = choicesOf(question(flow));
  const plain = choicesOf(question({}));
  const saying = { text: "", chosen: [] };

  it("is given to an approval, to an edit and to an outcome, and never to a refusal", () => {
    const edit = answerFor("edit", { ...saying, edited: "A fox." }, "card");
    const outcome = answerFor("respond", { ...saying, chosen: ["go"] }, "card");
    expect(isUndoable(answerFor("approve", saying, "card"), plain)).toBe(true);
    expect(isUndoable(edit, plain)).toBe(true);
    expect(isUndoable(outcome, outcomes)).toBe(true);
    expect(isUndoable(answerFor("reject", saying, "card"), outcomes)).toBe(false);
    expect(isUndoable(answerFor("respond", { ...saying, text: "No" }, "card"), plain)).toBe(false);
  });
});
