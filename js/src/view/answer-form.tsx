/** The form: Accept, Send feedback, and the options where a request has them. */
import { useState } from "preact/hooks";
import type { HumanInputRequired } from "../protocol.gen";
import { type Choices, canRespond, choicesOf, type Decision, labels, type Saying } from "./choices";

interface Props {
  readonly required: HumanInputRequired;
  readonly text: string;
  readonly onText: (text: string) => void;
  /** Whether the server knows the request; before that nothing can be sent. */
  readonly ready: boolean;
  /** The decision that is on its way. */
  readonly busy: Decision | null;
  readonly error: string | null;
  readonly onDecide: (decision: Decision, saying: Saying) => void;
}

export function AnswerForm(props: Props) {
  const { required, text, onText, onDecide, error } = props;
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const choices = choicesOf(required.response);
  const saying = { text, chosen };
  const enabled = props.ready && props.busy === null;
  const respond = () => {
    if (enabled && choices.respond && canRespond(choices, saying)) onDecide("respond", saying);
  };
  return (
    // JupyterLab's shortcuts (Ctrl+Enter runs the cell) stay away from what is typed here.
    <form
      class="chitl-form"
      data-lm-suppress-shortcuts="true"
      aria-busy={props.busy !== null}
      onSubmit={(event) => {
        event.preventDefault();
        respond();
      }}
    >
      <Options choices={choices} chosen={chosen} onChoose={setChosen} id={required.request_id} />
      {(choices.respond || choices.reject) && (
        <Feedback
          label={textLabel(required, choices)}
          text={text}
          onText={onText}
          onSend={respond}
        />
      )}
      {choices.more && <p class="chitl-note">{MORE}</p>}
      <Actions {...props} choices={choices} saying={saying} enabled={enabled} />
      {error !== null && (
        <p class="chitl-error" data-testid="hitl-error" role="alert">
          {error}
        </p>
      )}
    </form>
  );
}

function textLabel(required: HumanInputRequired, choices: Choices): string {
  return choices.options.length > 0 ? "A comment, if you like" : labels(required).text;
}

const MORE =
  "This one takes answers that cannot be given here yet; use the Python client or the API.";

interface ActionsProps extends Props {
  readonly choices: Choices;
  readonly saying: Saying;
  readonly enabled: boolean;
}

function Actions({ required, choices, saying, enabled, ready, busy, onDecide }: ActionsProps) {
  const words = labels(required);
  const said = canRespond(choices, saying);
  const accept = saying.text.trim() === "" ? words.approve : `${words.approve} without feedback`;
  return (
    <div class="chitl-actions">
      {choices.approve && (
        <Button
          hook="hitl-accept"
          primary={!said}
          enabled={enabled}
          onClick={() => onDecide("approve", saying)}
        >
          {accept}
        </Button>
      )}
      {choices.respond && (
        <Button hook="hitl-send" primary={said || !choices.approve} enabled={enabled && said}>
          {words.respond}
        </Button>
      )}
      {choices.reject && (
        <Button hook="hitl-reject" enabled={enabled} onClick={() => onDecide("reject", saying)}>
          {words.reject}
        </Button>
      )}
      <span class="chitl-note" aria-live="polite">
        {busy !== null ? "Sending…" : ready ? "" : "Sending to the server…"}
      </span>
    </div>
  );
}

interface ButtonProps {
  readonly hook: string;
  readonly enabled: boolean;
  readonly primary?: boolean;
  /** Without it the button submits the form. */
  readonly onClick?: () => void;
  readonly children: string;
}

function Button({ hook, enabled, primary = false, onClick, children }: ButtonProps) {
  return (
    <button
      type={onClick === undefined ? "submit" : "button"}
      class={`chitl-button${primary ? " chitl-primary" : ""}`}
      data-testid={hook}
      disabled={!enabled}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

const SEND_KEYS = /Mac|iP/.test(globalThis.navigator?.platform ?? "") ? "⌘Enter" : "Ctrl+Enter";

interface FeedbackProps {
  readonly label: string;
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly onSend: () => void;
}

function Feedback({ label, text, onText, onSend }: FeedbackProps) {
  return (
    <textarea
      class="chitl-text"
      data-testid="hitl-feedback"
      aria-label={label}
      aria-keyshortcuts="Control+Enter Meta+Enter"
      placeholder={`${label} (${SEND_KEYS} sends)`}
      rows={2}
      value={text}
      onInput={(event) => onText(event.currentTarget.value)}
      onKeyDown={(event) => {
        event.stopPropagation(); // nor do the host page's own shortcuts hear it
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        onSend();
      }}
    />
  );
}

interface OptionsProps {
  readonly choices: Choices;
  readonly chosen: readonly string[];
  readonly onChoose: (chosen: readonly string[]) => void;
  readonly id: string;
}

function Options({ choices, chosen, onChoose, id }: OptionsProps) {
  if (choices.options.length === 0) return null;
  const toggle = (option: string, on: boolean) => {
    const others = choices.multiple ? chosen.filter((other) => other !== option) : [];
    onChoose(on ? [...others, option] : others);
  };
  return (
    <fieldset class="chitl-options" aria-label={choices.multiple ? "Choose any" : "Choose one"}>
      {choices.options.map((option) => (
        <label key={option}>
          <input
            type={choices.multiple ? "checkbox" : "radio"}
            name={`chitl-${id}`}
            checked={chosen.includes(option)}
            onChange={(event) => toggle(option, event.currentTarget.checked)}
          />
          <span>{option}</span>
        </label>
      ))}
    </fieldset>
  );
}
