/** How a question is called, wherever it is shown. */
import { describe, expect, it } from "vitest";
import { decodeRequired } from "../../src/protocol/decode";
import type { HumanInputRequired } from "../../src/protocol/gen";
import type { Request } from "../../src/protocol/state";
import { marksOf } from "../../src/view/lookalikes";
import { partsOf } from "../../src/view/task-details";
import { TITLE_CHARS, titleOf, titleWords } from "../../src/view/title";
import { snapshot } from "./shown";

const USUAL = "Is this result good? Accept it, or say what to change.";
const REFUSABLE = { decisions: ["approve", "reject", "respond"] };
const DETAILS = "**Task**\n\nA note on foxes. Be brief.\n\n**Expected output**\n\nA note";

function question(fields: object): HumanInputRequired {
  const made = decodeRequired(snapshot("r1", { prompt: USUAL, ...fields }).event);
  if (made === null) throw new Error("not a question");
  return made;
}

function review(draft: string, task_name: string | null = null, details = DETAILS) {
  return question({ draft, context: `${draft}\n\n---\n\n${details}`, source: { task_name } });
}

describe("a title", () => {
  it.each([
    [
      "a review by its task's name",
      review("# Foxes", "A note on pair programming"),
      "A note on pair programming",
    ],
    [
      "a review by its draft's heading",
      review("## **Foxes**, `now` ##\n\nThey jump.", "note"),
      "Foxes, now",
    ],
    ["a review by its task's description", review("They jump.", "note"), "A note on foxes"],
    [
      "a review by a one-word task",
      review("They jump.", "weekly_report", "**Agent**\n\nWriter"),
      "Weekly report",
    ],
    [
      "a review of an unknown task by its prompt",
      question({ prompt: "Publish *this*? Be quick." }),
      "Publish *this*?",
    ],
    [
      "a review without any words by its draft",
      question({ prompt: " ", draft: "They jump.\nHigh." }),
      "They jump.",
    ],
    ["a review of nothing by its kind", question({ prompt: "…" }), "A draft to review"],
    [
      "a question by its first sentence",
      question({ kind: "question", prompt: "Which table? One of two." }),
      "Which table?",
    ],
    [
      "a question in Japanese",
      question({ kind: "question", prompt: "どれですか。選んで" }),
      "どれですか",
    ],
    [
      "a question with a version number",
      question({ kind: "question", prompt: "Use v1.2 now. Yes?" }),
      "Use v1.2 now",
    ],
    [
      "a call by its tool",
      question({ kind: "tool_approval", response: REFUSABLE, source: { tool_name: "send_email" } }),
      "Allow send_email?",
    ],
    [
      "a result by its tool",
      question({ kind: "tool_approval", source: { tool_name: "send_email" } }),
      "Accept the result of send_email?",
    ],
    [
      "an unknown call by its prompt",
      question({ kind: "tool_approval", prompt: "May it run?" }),
      "May it run?",
    ],
    [
      "a model call by its prompt",
      question({ kind: "llm_approval", prompt: "May Ada call its model?" }),
      "May Ada call its model?",
    ],
    [
      "a step by what it asks",
      question({ kind: "flow_feedback", prompt: "Ship it?", source: { task_name: "gate" } }),
      "Ship it?",
    ],
    [
      "a link of a draft's heading by its text",
      review("# See [the plan](javascript:alert(1)) or ![it](x)"),
      "See the plan or it",
    ],
    [
      "an element of a draft's heading by its text",
      review("# <b>Bold</b> <img src=x onerror=alert(1)>foxes"),
      "Bold foxes",
    ],
    [
      "a heading with underscores as they are",
      review("# Drop my_old_table or _this_"),
      "Drop my_old_table or this",
    ],
  ])("names %s", (_, required, title) => {
    expect(titleOf(required).text).toBe(title);
  });

  it.each([
    "Pay 2*3*4 EUR?",
    "Delete the table <customers>?",
    "Compare: is x<y or y>x?",
    "Edit __init__.py?",
    "- 5 degrees is ok?",
    "> 500 EUR for Bob: ok?",
    "Send it to [Bob](mailto:eve@evil.example)?",
    "Should we pay Dr. Smith 500 EUR?",
    "Ship v2. It has 3 bugs?",
  ])("takes no sign out of the question %j", (prompt) => {
    expect(titleOf(question({ kind: "question", prompt }))).toEqual({
      text: prompt,
      round: "",
      rest: null,
    });
  });

  it("has no character that turns or hides the words around it", () => {
    const prompt = "Pay \u202e100\u202c\u2066 euros\u0000\u200b to\u0007\n\tAda?";
    expect(titleOf(question({ kind: "question", prompt })).text).toBe("Pay 100 euros to Ada?");
  });

  it.each([
    ["x".repeat(200), `${"x".repeat(TITLE_CHARS)}…`],
    [`${"word ".repeat(40)}`, `${"word ".repeat(17)}word…`],
    ["🦊".repeat(200), `${"🦊".repeat(TITLE_CHARS)}…`],
  ])("is cut, between words if there are any", (prompt, title) => {
    expect(titleOf(question({ kind: "question", prompt })).text).toBe(title);
  });

  it("numbers the drafts of a task, and the rounds of anything else", () => {
    const draft = { ...review("# Foxes"), round: 2 };
    expect(titleWords(draft)).toBe("Foxes, draft 2");
    const again = question({ kind: "question", prompt: "How many?", round: 3 });
    expect(titleWords(again)).toBe("How many?, round 3");
    expect(titleWords(review("# Foxes"))).toBe("Foxes");
  });

  it.each([
    ["Which table?", null],
    ["Name the table.", null],
    ["Which *table*?", null],
    ["Which table? Be quick.", "Be quick."],
    ["Which **table**? Be quick.", "Be quick."],
    ["Pay \u200bAda?", "Pay \u200bAda?"],
    ["Which table\n\nThere are two.", "Which table\n\nThere are two."],
    ["x".repeat(200), "x".repeat(200)],
    [`Which?${" ".repeat(1000)}No.`, "No."],
    ["", ""],
  ])("leaves nothing of the prompt %j out", (prompt, rest) => {
    expect(titleOf(question({ kind: "question", prompt })).rest).toBe(rest);
  });

  it("says the kernel's own prompt about a call, and no other", () => {
    const source = { tool_name: "send", agent_role: "Writer" };
    const rest = (prompt: string) =>
      titleOf(question({ kind: "tool_approval", response: REFUSABLE, source, prompt })).rest;
    expect(rest("May Writer call send?")).toBeNull();
    expect(rest("Does the customer expect this?")).toBe("Does the customer expect this?");
  });
});

describe("the details of a task", () => {
  const made = { pid: 1, agent_role: "Writer" };
  const fake = "Fine.\n\n---\n\n**Task**\n\nSecretly delete everything";

  it("are apart from the draft, and what says why it is asked again is not among them", () => {
    const context = `A fox.\n\n---\n\n**The refused version**\n\nA dog.\n\n${DETAILS}`;
    expect(partsOf(question({ draft: "A fox.", context }))).toEqual({
      main: "A fox.\n\n---\n\n**The refused version**\n\nA dog.",
      details: DETAILS,
    });
  });

  it("keep a draft as it is, also its last line breaks", () => {
    const draft = "A fox.\n\n";
    expect(partsOf(review(draft)).main).toBe(draft);
  });

  it("hide nothing of a draft that imitates them", () => {
    expect(partsOf(review(fake))).toEqual({ main: fake, details: DETAILS });
    const call = {
      kind: "tool_approval",
      source: made,
      context: `${fake}\n\n---\n\n**Agent**\n\nWriter`,
    };
    expect(partsOf(question(call))).toEqual({ main: fake, details: "**Agent**\n\nWriter" });
  });

  it.each([
    ["another publisher", { context: fake }],
    ["a flow, whose questions have none", { kind: "flow_feedback", source: made, context: fake }],
    ["a call without agent and task", { kind: "llm_approval", source: { pid: 1 }, context: fake }],
  ])("are not looked for in what %s shows", (_, fields) => {
    expect(partsOf(question(fields))).toEqual({ main: fake, details: "" });
  });
});

describe("questions that look the same", () => {
  const listed = (id: string, fields: object): Request => ({
    required: { ...question({ timestamp: "2026-11-22T12:00:20Z", ...fields }), request_id: id },
    status: "pending",
    claimedBy: null,
    claim: null,
    completion: null,
  });

  it("are told apart by when they were asked, and the others have no mark", () => {
    const marks = marksOf([
      listed("a", {}),
      listed("b", { timestamp: "2026-11-22T12:00:21Z" }),
      listed("c", {}),
      listed("other draft", { round: 2 }),
      listed("other notebook", { source: { notebook: "b.ipynb" } }),
    ]);
    expect([...marks.keys()]).toEqual(["a", "b", "c"]);
    expect(new Set(marks.values()).size).toBe(3);
    expect(marks.get("c")).toBe(`${marks.get("a")} (2)`);
  });
});
