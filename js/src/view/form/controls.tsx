/**
 * The inputs of a typed form: the browser's own, alone or as a group of buttons.
 *
 * Inputs that take long to draw, with very many choices or a very long initial text, are drawn only
 * when they get the focus or are opened. `form.tsx` adds labels, hints and errors.
 */
import { useState } from "preact/hooks";
import type { FieldError } from "../../protocol/decode";
import { isHeavy } from "../text/limits";
import { More, useSome } from "../text/show-more";
import type { Field, Input, Option } from "./fields";

export interface FieldProps {
  readonly id: string;
  readonly field: Field;
  readonly input: Input;
  readonly errors: readonly FieldError[];
  readonly disabled: boolean;
  /** Whether it is the first field, which the card's key for writing focuses. */
  readonly first: boolean;
  /** Whether a list gets its choices only on focus. */
  readonly lazy: boolean;
  /** Called with a new input; `path` leads to the part of the field that changed. */
  readonly onInput: (input: Input, path?: string) => void;
}

/** Up to this many options are radio buttons; more go into a select. */
const MOST_RADIOS = 6;

/** Choices of one field shown at first. */
const MOST_CHOICES = 50;

/** The options of a yes-or-no field without a default. */
export const YES_NO = [
  { value: "true", label: "Yes" },
  { value: "false", label: "No" },
];

/** Return the options of a field drawn as a group of buttons, or null for a single control. */
export function groupOf(field: Field): readonly { value: string; label: string }[] | null {
  const { kind, options, initial, required } = field;
  if (kind === "choices") return options;
  if (kind === "choice" && options.length > MOST_RADIOS) return null;
  // A radio button cannot be cleared, so an optional field gets one for no answer.
  if (kind === "choice") return required ? options : [...options, NOTHING];
  return kind === "flag" && typeof initial !== "boolean" ? YES_NO : null;
}

const NOTHING = { value: "", label: "No answer" };

interface GroupProps extends FieldProps {
  readonly options: readonly { value: string; label: string }[];
}

export function Group({ id, field, input, errors, disabled, first, onInput, options }: GroupProps) {
  const several = field.kind === "choices";
  const [shown, more] = useSome(options, "choices", MOST_CHOICES);
  const chosen = Array.isArray(input) ? input : [input];
  const toggle = (value: string, on: boolean) => {
    if (!several) return onInput(on ? value : "");
    // In the form's order, whichever was ticked first.
    onInput(
      options.map((one) => one.value).filter((one) => (one === value ? on : chosen.includes(one))),
    );
  };
  return (
    <div class="chitl-choices">
      {shown.map(({ value, label }, at) => (
        <label key={value} class="chitl-choice">
          <input
            type={several ? "checkbox" : "radio"}
            name={id}
            value={value}
            checked={chosen.includes(value)}
            disabled={disabled}
            aria-invalid={errors.length > 0 || undefined}
            aria-keyshortcuts={first && at === 0 ? "r" : undefined}
            onChange={(event) => toggle(value, event.currentTarget.checked)}
          />
          <span dir="auto">{label}</span>
        </label>
      ))}
      {more}
    </div>
  );
}

/** The browser's input types for the kinds of text. */
const TYPES = {
  line: { type: "text" },
  email: { type: "email" },
  url: { type: "url" },
  date: { type: "date" },
  "date-time": { type: "datetime-local" },
  time: { type: "time" },
  either: { type: "text" },
  choices: {}, // a group of its own
  parts: {}, // has controls of its own
} as const;

interface ControlProps extends FieldProps {
  readonly describedBy: string | undefined;
  /** The name of a control that has no label on the screen. */
  readonly name?: string;
}

/** Return the attributes of every control. */
function attributesOf(props: ControlProps) {
  const { id, field, errors, disabled, first, describedBy } = props;
  return {
    id,
    disabled: disabled || field.fixed,
    "aria-label": props.name,
    "aria-describedby": describedBy,
    "aria-invalid": errors.length > 0 || undefined,
    "aria-required": field.required || undefined,
    "aria-keyshortcuts": first ? "r" : undefined,
  };
}

/** Return the attributes of every text control. */
function textOf(props: ControlProps) {
  return {
    ...attributesOf(props),
    class: "chitl-text",
    value: String(props.input),
    onInput: (event: { currentTarget: { value: string } }) =>
      props.onInput(event.currentTarget.value),
  };
}

export function Control(props: ControlProps) {
  const { field, input, lazy, onInput } = props;
  const [wanted, setWanted] = useState(false);
  if (field.kind === "flag") {
    return (
      <input
        {...attributesOf(props)}
        type="checkbox"
        checked={input === true}
        onChange={(event) => onInput(event.currentTarget.checked)}
      />
    );
  }
  const text = textOf(props);
  const turn = () => setWanted(true);
  if (field.kind === "choice") {
    const drawn = field.options.filter(({ value }) => wanted || !lazy || value === text.value);
    return (
      <select {...text} onPointerDown={turn} onFocus={turn}>
        <option value="">Choose…</option>
        <Choices options={drawn} />
      </select>
    );
  }
  if (!wanted && isHeavy(text.value)) {
    return <More words={`Edit text (${text.value.length} characters)`} go={turn} />;
  }
  return <Written kind={field.kind} text={text} />;
}

function Choices({ options }: { readonly options: readonly Option[] }) {
  return (
    <>
      {options.map(({ value, label }) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </>
  );
}

interface WrittenProps {
  readonly kind: Exclude<Field["kind"], "flag" | "choice">;
  readonly text: ReturnType<typeof textOf>;
}

/** A text input of the field's kind. */
function Written({ kind, text }: WrittenProps) {
  switch (kind) {
    case "lines":
      return <textarea {...text} dir="auto" rows={3} />;
    case "number":
    case "decimal":
      return <input {...text} type="text" inputMode="decimal" autoComplete="off" />;
    case "integer":
      return <input {...text} type="text" inputMode="numeric" autoComplete="off" />;
    default:
      return <input {...text} {...TYPES[kind]} dir="auto" />;
  }
}
