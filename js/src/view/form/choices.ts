/** Which answers a request offers, in which words, and what is sent for each. Pure. */
import type { Answer } from "../../client/answers";
import type { FieldError } from "../../protocol/decode";
import type { HumanInputRequired } from "../../protocol/gen";
import type { Draft } from "./draft";
import { type Field, fieldsOf, isChanged, valuesOf } from "./fields";

export type Decision = Answer["decision"];

export interface Choices {
  readonly approve: boolean;
  readonly reject: boolean;
  readonly respond: boolean;
  /** What can be changed before it is accepted: the draft, or the values of a form. */
  readonly edit: "draft" | "form" | null;
  /** The fields of the form that is answered with, or that is edited. */
  readonly fields: readonly Field[];
  readonly options: readonly string[];
  readonly multiple: boolean;
  /** Whether the options are buttons, each of which answers at once. */
  readonly outcomes: boolean;
}

/** What a person is about to say. */
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

/** Whether a response is given by a form: a form that may be edited is not one to respond by. */
export function respondsByForm({ fields, edit }: Choices): boolean {
  return fields.length > 0 && edit === null;
}

/** Whether there is anything to send for a decision that says something. */
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

/** Return what a draft says for a decision, and what cannot be sent as it was meant. */
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
 * A chosen option is also the text unless one was written: a reader who knows only the
 * stream document's fields finds it there.
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

/** The words on the buttons. */
export interface Labels {
  readonly approve: string;
  readonly reject: string;
  readonly respond: string;
  readonly text: string;
  readonly edit: string;
  readonly sendEdit: string;
  /** While an answer waits to be taken back. */
  readonly approving: string;
}

const REVIEW: Labels = {
  approve: "Accept",
  reject: "Reject",
  respond: "Send feedback",
  text: "Your feedback",
  edit: "Edit",
  sendEdit: "Accept with edits",
  approving: "Accepting…",
};

const PERMISSION: Labels = {
  ...REVIEW,
  approve: "Allow",
  reject: "Refuse",
  edit: "Change arguments",
  sendEdit: "Allow with changes",
  approving: "Allowing…",
};

/** A question is answered, a call is allowed, a draft gets feedback. */
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

/** A flow that offers outcomes goes on with its default one when none is chosen. */
const SKIPPING = { approve: "Skip", approving: "Skipping…", respond: "Send" };
