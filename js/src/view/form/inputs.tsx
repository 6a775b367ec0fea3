/** What a person fills in before sending: options, the fields of a form, and text. */
import { useState } from "preact/hooks";
import type { HumanInputRequired } from "../../protocol/gen";
import { SEND_WORDS } from "../keyboard";
import { type Choices, labels, respondsByForm } from "./choices";
import type { Drafting } from "./draft";
import { errorsOf, type Field, type Input } from "./fields";
import { Form } from "./form";
import { Options, Outcomes } from "./options";
import { PartsOnDemand } from "./parts-on-demand";
import type { Sending } from "./sending";

interface Props {
  readonly required: HumanInputRequired;
  readonly choices: Choices;
  readonly drafting: Drafting;
  readonly sending: Sending;
  readonly awaits: string;
  readonly editing: boolean;
  /** Answer with an option that is a button. */
  readonly onOutcome: (option: string) => void;
}

export function Inputs(props: Props) {
  const { required, choices, drafting, sending, editing } = props;
  const { draft, change } = drafting;
  const [scope] = useState(() => `chitl-${Math.random().toString(36).slice(2)}`);
  const disabled = sending.busy || sending.held !== null || sending.unsent !== null;
  const [refused, setRefused] = useState(required.response.errors ?? []);
  const ask = (field: Field, input: Input, at = "") => {
    drafting.fill(field.name, input);
    const isOf = (path: string) => {
      const [error] = errorsOf(field, choices.fields, [{ field: path, message: "" }]);
      return error !== undefined && (leads(at, error.field) || leads(error.field, at));
    };
    sending.clearErrors(isOf);
    setRefused((before) => before.filter((error) => !isOf(error.field)));
  };
  const choosing = <Choosing key="choosing" {...props} scope={scope} disabled={disabled} />;
  const words = takesText(choices, editing) && (
    <Feedback
      key="words"
      label={textLabel(required, choices)}
      sends={choices.respond && !choices.outcomes}
      text={draft.text}
      disabled={disabled}
      onText={(text) => change({ text })}
    />
  );
  // A click on an outcome sends, so the text that goes with it comes first.
  return (
    <>
      {(respondsByForm(choices) || (editing && choices.edit === "form")) && (
        <Form
          scope={scope}
          fields={choices.fields}
          inputs={draft.inputs}
          errors={sending.trouble?.errors ?? refused}
          disabled={disabled}
          Parts={PartsOnDemand}
          onInput={ask}
        />
      )}
      {choices.outcomes ? [words, choosing] : [choosing, words]}
    </>
  );
}

/** Whether one path leads to another, or to a part of it. */
function leads(path: string, to: string): boolean {
  return path === "" || path === to || to.startsWith(`${path}.`);
}

interface ChoosingProps extends Props {
  readonly scope: string;
  readonly disabled: boolean;
}

function Choosing({ choices, drafting, awaits, scope, disabled, onOutcome }: ChoosingProps) {
  const { options, multiple, outcomes } = choices;
  if (options.length === 0) return null;
  if (outcomes) {
    const enabled = awaits === "" && !disabled;
    return <Outcomes options={options} enabled={enabled} onChoose={onOutcome} />;
  }
  return (
    <Options
      scope={scope}
      disabled={disabled}
      options={options}
      multiple={multiple}
      chosen={drafting.draft.chosen}
      onChoose={(chosen) => drafting.change({ chosen })}
    />
  );
}

/** Whether text can be entered: for a response in text or a rejection, not for an edit. */
function takesText(choices: Choices, editing: boolean): boolean {
  return choices.reject || (choices.respond && !respondsByForm(choices) && !editing);
}

function textLabel(required: HumanInputRequired, choices: Choices): string {
  if (choices.respond && choices.options.length > 0) return "Comment (optional)";
  if (choices.respond && !respondsByForm(choices)) return labels(required).text;
  return `Reason (if you ${labels(required).reject.toLowerCase()})`;
}

interface FeedbackProps {
  readonly label: string;
  /** Whether the shortcut for sending works here. */
  readonly sends: boolean;
  readonly text: string;
  readonly disabled: boolean;
  readonly onText: (text: string) => void;
}

function Feedback({ label, sends, text, disabled, onText }: FeedbackProps) {
  return (
    <textarea
      class="chitl-text"
      data-testid="hitl-feedback"
      aria-label={label}
      aria-keyshortcuts="r"
      placeholder={sends ? `${label} (${SEND_WORDS} to send)` : label}
      dir="auto"
      rows={2}
      value={text}
      readOnly={disabled}
      onInput={(event) => onText(event.currentTarget.value)}
    />
  );
}
