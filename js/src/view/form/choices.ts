/** Which answers a request offers, the labels of its buttons, and what each sends. Pure. */
import type { Answer } from "../../client/answers";
import type { FieldError } from "../../protocol/decode";
import type { HumanInputRequired } from "../../protocol/gen";
import { RULE_WORDS } from "../words";
import type { Draft } from "./draft";
import { type Field, fieldsOf, isChanged, valuesOf } from "./fields";

export type Decision = Answer["decision"];

export interface Choices {
  readonly approve: boolean;
  readonly reject: boolean;
  readonly respond: boolean;
  /** What can be changed before it is accepted: the draft, or the values of a form. */
  readonly edit: "draft" | "form" | null;
  /** The fields of the form, to answer with or to edit. */
  readonly fields: readonly Field[];
  readonly options: readonly string[];
  readonly multiple: boolean;
  /** Whether the options are buttons, each of which answers at once. */
  readonly outcomes: boolean;
}

/** What a person is about to send. */
export interface Saying {
  readonly text: string;
  readonly chosen: readonly string[];
  /** The draft as edited. */
  readonly edited?: string | undefined;
  readonly values?: Readonly<Record<string, unknown>> | undefined;
}

export function choicesOf(required: HumanInputRequired): Choices {
  const { decisions, options, multiple, schema } = required.response;
  const edits = decisions.includes("edit");
  const editable = required.draft === null ? null : "draft";
  return {
    approve: decisions.includes("approve"),
    reject: decisions.includes("reject"),
    respond: decisions.includes("respond"),
    edit: edits ? (schema === null ? editable : "form") : null,
    fields: schema === null ? [] : fieldsOf(schema),
    options: options ?? [],
    multiple,
    outcomes: required.kind === "flow_feedback" && options !== null && !multiple,
  };
}

/** Whether a response is given with the form; a form for editing is not for responding. */
export function respondsByForm({ fields, edit }: Choices): boolean {
  return fields.length > 0 && edit === null;
}

/** Whether the draft has what the decision needs to be sent. */
export function saysSomething(
  decision: Decision,
  required: HumanInputRequired,
  choices: Choices,
  draft: Draft,
): boolean {
  if (decision === "edit") {
    return choices.edit === "form"
      ? isChanged(choices.fields, draft.inputs)
      : draft.edited !== null && draft.edited !== required.draft && draft.edited.trim() !== "";
  }
  if (decision !== "respond" || respondsByForm(choices)) return true; // the server judges a form
  return choices.options.length > 0 ? draft.chosen.length > 0 : draft.text.trim() !== "";
}

/** Return what to send for a decision, and the fields that cannot be sent exactly. */
export function sayingFor(
  decision: Decision,
  choices: Choices,
  draft: Draft,
): { readonly saying: Saying; readonly errors: readonly FieldError[] } {
  const saying = { text: draft.text, chosen: draft.chosen, edited: draft.edited ?? undefined };
  const byForm =
    decision === "respond"
      ? respondsByForm(choices)
      : decision === "edit" && choices.edit === "form";
  if (!byForm) return { saying, errors: [] };
  const { values, errors } = valuesOf(choices.fields, draft.inputs);
  return { saying: { ...saying, text: "", values }, errors };
}

/**
 * Return the answer for a decision.
 *
 * Without text, the chosen options become the text as well, for readers that know only the fields of
 * the event-streaming guide.
 */
export function answerFor(decision: Decision, saying: Saying, via: string): Answer {
  const { chosen, edited, values } = saying;
  const text = saying.text.trim();
  const plain = { human_feedback: text, decision, options: null, via };
  switch (decision) {
    case "approve":
      return { ...plain, human_feedback: "" };
    case "reject":
      return plain;
    case "edit":
      return values === undefined
        ? { ...plain, human_feedback: edited ?? "" }
        : { ...plain, human_feedback: "", values };
    case "respond":
      if (values !== undefined) return { ...plain, values };
      if (chosen.length === 0) return plain;
      return { ...plain, human_feedback: text || chosen.join(", "), options: chosen };
  }
}

/**
 * Whether an answer is held for a moment, so that it can be undone: an approval, with or without
 * edits, or a flow's outcome. One click gives it and lets something happen. A refusal goes at once.
 */
export function isUndoable(answer: Answer, { outcomes }: Choices): boolean {
  return answer.decision !== "reject" && (answer.decision !== "respond" || outcomes);
}

/** Characters of an outcome shown while it is held. */
const OUTCOME_CHARS = 60;

/** Return what the card shows while an answer is held. */
export function holding(answer: Answer, words: Labels): string {
  switch (answer.decision) {
    case "edit":
      return words.sendingEdit;
    case "respond":
      return `Sending “${shortened(outcomeWords(answer.options?.[0] ?? ""), OUTCOME_CHARS)}”…`;
    default: // a rule is said, so that a slip can be undone
      return answer.rule === undefined
        ? words.approving
        : `${words.approving.replace("…", "")} ${RULE_WORDS[answer.rule]}…`;
  }
}

/** Return a flow's outcome as its button shows it. */
export function outcomeWords(outcome: string): string {
  return outcome.replaceAll("_", " ");
}

function shortened(text: string, most: number): string {
  const letters = [...text.slice(0, 2 * most)];
  return letters.length <= most ? text : `${letters.slice(0, most).join("")}…`;
}

/** The labels of the buttons and the text field. */
export interface Labels {
  readonly approve: string;
  readonly reject: string;
  readonly respond: string;
  readonly text: string;
  readonly edit: string;
  readonly sendEdit: string;
  /** Shown while an approval is held. */
  readonly approving: string;
  /** Shown while an approval with edits is held. */
  readonly sendingEdit: string;
  /** Whether a call is allowed: then refusing comes first, and allowing is not the bright button. */
  readonly permission: boolean;
}

const REVIEW: Labels = {
  approve: "Accept",
  reject: "Reject",
  respond: "Send feedback",
  text: "Your feedback",
  edit: "Edit",
  sendEdit: "Accept with edits",
  approving: "Accepting…",
  sendingEdit: "Accepting with edits…",
  permission: false,
};

const PERMISSION: Labels = {
  ...REVIEW,
  approve: "Allow",
  reject: "Refuse",
  edit: "Change arguments",
  sendEdit: "Allow with changes",
  approving: "Allowing…",
  sendingEdit: "Allowing with changes…",
  permission: true,
};

/** Return the labels for a request: questions are answered, calls allowed, drafts reviewed. */
export function labels({ kind, response }: HumanInputRequired): Labels {
  switch (kind) {
    case "question":
      return {
        ...REVIEW,
        reject: "Decline",
        respond: "Send answer",
        text: "Your answer",
      };
    case "tool_approval":
    case "llm_approval":
      return response.decisions.includes("respond")
        ? PERMISSION
        : { ...PERMISSION, text: "Reason (if you refuse)" };
    case "flow_feedback":
      return response.options === null ? REVIEW : { ...REVIEW, ...SKIPPING };
    case "task_feedback":
    case "training_feedback":
      return REVIEW;
  }
}

/** Labels for a flow with outcomes: skipping continues with the default outcome. */
const SKIPPING = { approve: "Skip", approving: "Skipping…", respond: "Send" };
