/** Which answers a request offers, and what is sent for each. Pure. */
import type { Answer } from "../answers";
import type { HumanInputRequired, Response } from "../protocol.gen";

export type Decision = Answer["decision"];

export interface Choices {
  readonly approve: boolean;
  readonly reject: boolean;
  readonly respond: boolean;
  readonly options: readonly string[];
  readonly multiple: boolean;
  /** Some answer is possible that this card cannot give: a typed form, an edit. */
  readonly more: boolean;
}

/** What a person is about to say. */
export interface Saying {
  readonly text: string;
  readonly chosen: readonly string[];
}

export function choicesOf(response: Response): Choices {
  const form = response.schema !== null;
  return {
    approve: response.decisions.includes("approve"),
    reject: response.decisions.includes("reject"),
    respond: response.decisions.includes("respond") && !form,
    options: form ? [] : (response.options ?? []),
    multiple: response.multiple,
    more: form || response.decisions.includes("edit"),
  };
}

/** Whether there is anything to respond with. */
export function canRespond(choices: Choices, { text, chosen }: Saying): boolean {
  return choices.options.length > 0 ? chosen.length > 0 : text.trim() !== "";
}

/**
 * Return the answer for a decision.
 *
 * A chosen option is also the text unless one was written: a reader who knows only the
 * stream document's fields finds it there.
 */
export function answerFor(decision: Decision, { text, chosen }: Saying, via: string): Answer {
  if (decision === "approve") return { human_feedback: "", decision, options: null, via };
  if (decision === "reject" || chosen.length === 0) {
    return { human_feedback: text.trim(), decision, options: null, via };
  }
  return { human_feedback: text.trim() || chosen.join(", "), decision, options: chosen, via };
}

/** The words on the buttons: a question is answered, a draft gets feedback. */
export function labels({ kind }: HumanInputRequired): {
  approve: string;
  reject: string;
  respond: string;
  text: string;
} {
  switch (kind) {
    case "question":
      return { approve: "Accept", reject: "Decline", respond: "Send answer", text: "Your answer" };
    case "tool_approval":
    case "llm_approval":
      return {
        approve: "Allow",
        reject: "Refuse",
        respond: "Send feedback",
        text: "Your feedback",
      };
    case "task_feedback":
    case "training_feedback":
    case "flow_feedback":
      return {
        approve: "Accept",
        reject: "Reject",
        respond: "Send feedback",
        text: "Your feedback",
      };
  }
}
