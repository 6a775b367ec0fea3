/** The options of a question: radio buttons, checkboxes, or buttons that answer at once. */
import { useSome } from "../text/show-more";
import { outcomeWords } from "./choices";
import { useNameOf } from "./subject";

interface Props {
  readonly options: readonly string[];
  readonly multiple: boolean;
  readonly chosen: readonly string[];
  /** Prefix of the group's name on the page. */
  readonly scope: string;
  readonly disabled: boolean;
  readonly onChoose: (chosen: readonly string[]) => void;
}

export function Options({ options, multiple, chosen, scope, disabled, onChoose }: Props) {
  const toggle = (option: string, on: boolean) => {
    if (!multiple) return onChoose(on ? [option] : []);
    // In the question's order, whichever was ticked first.
    onChoose(options.filter((one) => (one === option ? on : chosen.includes(one))));
  };
  const [shown, more] = useSome(options, "options");
  return (
    <fieldset class="chitl-options" aria-label={multiple ? "Choose any" : "Choose one"}>
      {shown.map((option, at) => (
        <label key={option} class="chitl-choice" data-testid="hitl-option" data-option={option}>
          <input
            type={multiple ? "checkbox" : "radio"}
            name={`${scope}-options`}
            checked={chosen.includes(option)}
            disabled={disabled}
            aria-keyshortcuts={at === 0 ? "r" : undefined}
            onChange={(event) => toggle(option, event.currentTarget.checked)}
          />
          <span dir="auto">{option}</span>
        </label>
      ))}
      {more}
    </fieldset>
  );
}

interface OutcomesProps {
  readonly options: readonly string[];
  readonly enabled: boolean;
  readonly onChoose: (option: string) => void;
}

/** A flow's outcomes: one click chooses how it continues. */
export function Outcomes({ options, enabled, onChoose }: OutcomesProps) {
  const [shown, more] = useSome(options, "outcomes");
  return (
    <fieldset class="chitl-outcome-buttons" aria-label="Choose how the flow continues">
      {shown.map((option) => (
        <Outcome key={option} option={option} enabled={enabled} onChoose={onChoose} />
      ))}
      {more}
    </fieldset>
  );
}

interface OutcomeProps {
  readonly option: string;
  readonly enabled: boolean;
  readonly onChoose: (option: string) => void;
}

function Outcome({ option, enabled, onChoose }: OutcomeProps) {
  const words = outcomeWords(option);
  return (
    <button
      type="button"
      class="chitl-button chitl-outcome-button"
      data-testid="hitl-outcome"
      data-option={option}
      disabled={!enabled}
      aria-label={useNameOf(words)}
      onClick={() => onChoose(option)}
    >
      <span dir="auto">{words}</span>
    </button>
  );
}
