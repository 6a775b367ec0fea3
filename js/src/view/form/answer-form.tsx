/**
 * The answer form: what a person fills in (`inputs.tsx`), and the buttons that send it.
 *
 * `choices.ts` determines what a request offers and what is sent, `sending.ts` sends it and reports
 * the outcome, `draft.ts` keeps what is written, `focus.ts` moves the focus.
 */
import { useRef } from "preact/hooks";
import type { Answer } from "../../client/answers";
import type { HumanInputRequired } from "../../protocol/gen";
import type { RuleScope } from "../../protocol/rules";
import { Actions, Held } from "./actions";
import {
  answerFor,
  type Choices,
  type Decision,
  holding,
  isUndoable,
  type Labels,
  labels,
  respondsByForm,
  sayingFor,
  saysSomething,
} from "./choices";
import type { Drafting } from "./draft";
import { errorsOf } from "./fields";
import { useFocusOnForm, useFocusOnTrouble, useFocusOnUndo } from "./focus";
import { Inputs } from "./inputs";
import { RuleMenu } from "./rule-menu";
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
  /** The rules that can be made with an approval. */
  readonly rules: readonly RuleScope[];
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
      <Inputs {...props} editing={editing} onOutcome={(option) => decide("respond", option)} />
      <Buttons {...props} decide={decide} editing={editing} />
      <Wrong trouble={sending.trouble} choices={choices} />
    </form>
  );
}

type Decide = (decision: Decision, option?: string, rule?: RuleScope) => void;

/** Return what a click on a decision does; nothing unless there is something to send. */
function deciding({ required, choices, drafting, sending, awaits, via }: AnswerFormProps): Decide {
  return (decision, option, rule) => {
    const { draft } = drafting;
    const free =
      decision === "reject"
        ? sending.rejectable
        : !sending.busy && sending.held === null && sending.unsent === null;
    if (awaits !== "" || !free) return;
    if (option === undefined && !saysSomething(decision, required, choices, draft)) return;
    const said = sayingFor(decision, choices, draft);
    if (said.errors.length > 0)
      return sending.showTrouble({ message: MARKED, errors: said.errors });
    const chosen = option === undefined ? said.saying.chosen : [option];
    const plain = answerFor(decision, { ...said.saying, chosen }, via);
    const answer = rule === undefined ? plain : { ...plain, rule };
    sending.send(answer, isUndoable(answer, choices));
  };
}

interface ButtonsProps extends AnswerFormProps {
  readonly decide: Decide;
  readonly editing: boolean;
}

function Buttons(props: ButtonsProps) {
  const { required, choices, drafting, sending, awaits, editing, decide, rules } = props;
  const words = labels(required);
  const { draft, change } = drafting;
  const answer = sending.held?.answer ?? sending.unsent;
  if (answer !== null) return <HeldAnswer {...props} answer={answer} words={words} />;
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
    >
      {!editing && (
        <RuleMenu
          scopes={rules}
          enabled={ready && !sending.busy}
          onAllow={(rule) => decide("approve", undefined, rule)}
        />
      )}
    </Actions>
  );
}

interface HeldAnswerProps extends ButtonsProps {
  readonly answer: Answer;
  readonly words: Labels;
}

/** What waits for its time to be over, or for the server. */
function HeldAnswer({ choices, sending, decide, answer, words }: HeldAnswerProps) {
  const waits = sending.held === null;
  const uncertain = waits && sending.uncertain;
  const waiting = uncertain ? UNCERTAIN : UNSENT;
  return (
    <Held
      ms={sending.held?.ms ?? null}
      fresh={sending.held?.fresh === true}
      label={waits ? waiting : holding(answer, words)}
      words={words}
      rejects={choices.reject && !(waits && answer.decision === "reject")}
      undoable={!uncertain}
      onUndo={sending.undo}
      onSendNow={sending.sendNow}
      onReject={() => decide("reject")}
    />
  );
}

export function isEditing(choices: Choices, { draft }: Drafting): boolean {
  return draft.editing && choices.edit !== null;
}

const UNSENT = "Not sent yet: your answer goes when the server is back.";

const UNCERTAIN = "It is not known what has arrived: this shows when the server is back.";

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
