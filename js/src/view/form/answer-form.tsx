/**
 * The answer form: options, a form, text, and the buttons that send them.
 *
 * `choices.ts` determines what a request offers and what is sent, `sending.ts` sends it and reports
 * the outcome, `draft.ts` keeps what is written.
 */
import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { HumanInputRequired } from "../../protocol/gen";
import { SEND_WORDS } from "../keyboard";
import { Actions, Held } from "./actions";
import {
  answerFor,
  type Choices,
  type Decision,
  labels,
  respondsByForm,
  sayingFor,
  saysSomething,
} from "./choices";
import type { Drafting } from "./draft";
import { errorsOf, type Field, type Input } from "./fields";
import { Form } from "./form";
import { Options, Outcomes } from "./options";
import type { Sending, Trouble } from "./sending";

export interface AnswerFormProps {
  readonly required: HumanInputRequired;
  readonly choices: Choices;
  readonly drafting: Drafting;
  readonly sending: Sending;
  /** What sending has to wait for, as text; "" when it can be sent. */
  readonly awaits: string;
  /** The surface that answers are sent from. */
  readonly via: string;
}

export function AnswerForm(props: AnswerFormProps) {
  const { choices, drafting, sending } = props;
  const form = useRef<HTMLFormElement>(null);
  const editing = isEditing(choices, drafting);
  const decide = deciding(props);
  useFocusOnUndo(form, sending);
  useFocusOnTrouble(form, sending.trouble);
  useFocusOnForm(form, editing && choices.edit === "form");
  return (
    <form
      ref={form}
      class="chitl-form"
      aria-busy={sending.busy}
      noValidate // the server says which field is wrong
      onSubmit={(event) => {
        event.preventDefault();
        decide(editing ? "edit" : "respond");
      }}
    >
      <Inputs {...props} decide={decide} editing={editing} />
      <Buttons {...props} decide={decide} editing={editing} />
      <Wrong trouble={sending.trouble} choices={choices} />
    </form>
  );
}

type Decide = (decision: Decision, option?: string) => void;

/** Return what a click on a decision does; nothing unless there is something to send. */
function deciding({ required, choices, drafting, sending, awaits, via }: AnswerFormProps): Decide {
  return (decision, option) => {
    const { draft } = drafting;
    const free =
      decision === "reject" ? sending.rejectable : !sending.busy && sending.held === null;
    if (awaits !== "" || !free) return;
    if (option === undefined && !saysSomething(decision, required, choices, draft)) return;
    const said = sayingFor(decision, choices, draft);
    if (said.errors.length > 0)
      return sending.showTrouble({ message: MARKED, errors: said.errors });
    const chosen = option === undefined ? said.saying.chosen : [option];
    sending.send(answerFor(decision, { ...said.saying, chosen }, via));
  };
}

interface PartProps extends AnswerFormProps {
  readonly decide: Decide;
  readonly editing: boolean;
}

function Inputs(props: PartProps) {
  const { required, choices, drafting, sending, editing } = props;
  const { draft, change } = drafting;
  const [scope] = useState(() => `chitl-${Math.random().toString(36).slice(2)}`);
  const disabled = sending.busy || sending.held !== null;
  const ask = (field: Field, input: Input) => {
    drafting.fill(field.name, input);
    sending.clearErrors(
      (path) => errorsOf(field, choices.fields, [{ field: path, message: "" }]).length > 0,
    );
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
          errors={sending.trouble?.errors ?? []}
          disabled={disabled}
          onInput={ask}
        />
      )}
      {choices.outcomes ? [words, choosing] : [choosing, words]}
    </>
  );
}

interface ChoosingProps extends PartProps {
  readonly scope: string;
  readonly disabled: boolean;
}

function Choosing({ choices, drafting, awaits, decide, scope, disabled }: ChoosingProps) {
  const { options, multiple, outcomes } = choices;
  if (options.length === 0) return null;
  if (outcomes) {
    const choose = (option: string) => decide("respond", option);
    const enabled = awaits === "" && !disabled;
    return <Outcomes options={options} enabled={enabled} onChoose={choose} />;
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

function Buttons({ required, choices, drafting, sending, awaits, editing, decide }: PartProps) {
  const words = labels(required);
  const { draft, change } = drafting;
  if (sending.held !== null) {
    const { ms } = sending.held;
    return (
      <Held
        ms={ms}
        words={words}
        rejects={choices.reject}
        onUndo={sending.undo}
        onSendNow={sending.sendNow}
        onReject={() => decide("reject")}
      />
    );
  }
  const ready = awaits === "";
  const said = saysSomething(editing ? "edit" : "respond", required, choices, draft);
  const unsent = draft.text.trim() === "" || respondsByForm(choices) ? null : "feedback";
  return (
    <Actions
      choices={choices}
      words={words}
      editing={editing}
      said={said && (editing || choices.respond)}
      unsent={editing ? (said ? "changes" : null) : unsent}
      enabled={ready && !sending.busy}
      rejectable={ready && sending.rejectable}
      waiting={sending.busy ? "Sending…" : awaits}
      onDecide={decide}
      onEdit={() => change({ editing: !editing })}
    />
  );
}

export function isEditing(choices: Choices, { draft }: Drafting): boolean {
  return draft.editing && choices.edit !== null;
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

const MARKED = "Not sent. Fix the marked fields.";

/** The error message of the form; errors of fields are also shown beside the fields. */
function Wrong({ trouble, choices }: { trouble: Trouble | null; choices: Choices }) {
  if (trouble === null) return null;
  const { fields } = choices;
  const marked = trouble.errors.filter((error) =>
    fields.some((field) => errorsOf(field, fields, [error]).length > 0),
  );
  const all = marked.length > 0 && marked.length === trouble.errors.length;
  return (
    <p class="chitl-error" data-testid="hitl-error" role="alert">
      {all ? MARKED : trouble.message}
    </p>
  );
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

/** After Undo, move the focus back to the button of the decision. */
function useFocusOnUndo(form: RefObject<HTMLFormElement | null>, { held, busy }: Sending): void {
  const was = useRef(held);
  useLayoutEffect(() => {
    if (held === null && was.current !== null && !busy) {
      form.current?.querySelector<HTMLElement>("[data-testid=hitl-accept]")?.focus();
    }
    was.current = held;
  }, [form, held, busy]);
}

/** Move the focus to the first wrong field, or to the text, unless it has left the card. */
function useFocusOnTrouble(form: RefObject<HTMLFormElement | null>, trouble: Trouble | null): void {
  const seen = useRef<Trouble | null>(null);
  useLayoutEffect(() => {
    const isNew = trouble !== null && seen.current === null;
    seen.current = trouble;
    const card = form.current?.closest("article");
    const active = card?.ownerDocument.activeElement;
    if (!isNew || !(card?.contains(active ?? null) || active === card?.ownerDocument.body)) return;
    const wrong = form.current?.querySelector<HTMLElement>("[aria-invalid=true]");
    (wrong ?? form.current?.querySelector<HTMLElement>(".chitl-text"))?.focus();
  }, [form, trouble]);
}

/** Move the focus to the first field when a person opens the form to edit, but not on reload. */
function useFocusOnForm(form: RefObject<HTMLFormElement | null>, open: boolean): void {
  const was = useRef(open);
  useLayoutEffect(() => {
    if (open && !was.current) {
      form.current?.querySelector<HTMLElement>(".chitl-fields [aria-keyshortcuts]")?.focus();
    }
    was.current = open;
  }, [form, open]);
}
