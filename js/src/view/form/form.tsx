/**
 * A typed form: one row for each field of the schema, with the server's errors beside it.
 *
 * The server validates the values and names the wrong fields while the request stays open;
 * `fields.ts` gives the values their types. `controls.tsx` has the inputs.
 */
import type { ComponentType } from "preact";
import type { FieldError } from "../../protocol/decode";
import { DRAWN_CHOICES } from "../text/limits";
import { useSome } from "../text/show-more";
import { Control, type FieldProps, Group, groupOf } from "./controls";
import { errorsOf, type Field, type Input, type Inputs, inputOf } from "./fields";

interface Props {
  /** Prefix of the element ids: the page may show a card twice. */
  readonly scope: string;
  readonly fields: readonly Field[];
  readonly inputs: Inputs;
  readonly errors: readonly FieldError[];
  readonly disabled: boolean;
  /** Draws a field with parts or rows. */
  readonly Parts: ComponentType<FieldProps>;
  readonly onInput: (field: Field, input: Input, path?: string) => void;
}

export function Form(props: Props) {
  const { scope, fields, inputs, errors, disabled, Parts, onInput } = props;
  const [shown, more] = useSome(fields, "fields");
  const choices = shown.reduce((count, { options }) => count + options.length, 0);
  return (
    <div class="chitl-fields" data-testid="hitl-form">
      {shown.map((field, at) => (
        <Row
          key={field.name}
          id={`${scope}-${at}`}
          field={field}
          input={inputOf(field, inputs)}
          errors={errorsOf(field, fields, errors)}
          disabled={disabled}
          first={at === 0}
          lazy={choices > DRAWN_CHOICES}
          Parts={Parts}
          onInput={(input, path) => onInput(field, input, path)}
        />
      ))}
      {more}
    </div>
  );
}

interface RowProps extends FieldProps {
  readonly Parts: ComponentType<FieldProps>;
}

function Row(props: RowProps) {
  const { id, field, Parts } = props;
  const errors = messagesOf(props);
  const hint = [field.description, field.limits].filter((part) => part !== "").join(" · ");
  const label = (
    <>
      <span dir="auto">{field.label}</span>
      {field.required && <span class="chitl-required"> (required)</span>}
    </>
  );
  const below = (
    <>
      {hint !== "" && (
        <p class="chitl-hint" id={`${id}-hint`} dir="auto">
          {hint}
        </p>
      )}
      {errors.length > 0 && (
        <p class="chitl-wrong" id={`${id}-wrong`}>
          {errors.join("; ")}
        </p>
      )}
    </>
  );
  const hook = { "data-testid": `hitl-field-${field.name}`, class: "chitl-field" };
  const group = groupOf(field);
  if (group !== null) {
    return (
      <fieldset {...hook} aria-describedby={describedBy(props, hint)}>
        <legend class="chitl-label">{label}</legend>
        <Group {...props} options={group} />
        {below}
      </fieldset>
    );
  }
  if (field.kind === "parts") {
    return (
      <fieldset {...hook} aria-describedby={describedBy(props, hint)}>
        <legend class="chitl-label">{label}</legend>
        {below}
        <Parts {...props} />
      </fieldset>
    );
  }
  const control = <Control {...props} describedBy={describedBy(props, hint)} />;
  const ticked = field.kind === "flag"; // its checkbox is beside its label
  return (
    <div {...hook}>
      <label class={ticked ? "chitl-choice chitl-flag" : "chitl-label"} for={id}>
        {ticked && control}
        <span>{label}</span>
      </label>
      {!ticked && control}
      {below}
    </div>
  );
}

/** Return the errors of the field itself; those of its parts are shown at the parts. */
function messagesOf({ field, errors }: FieldProps): readonly string[] {
  const own = errors.filter(({ field: path }) => field.kind !== "parts" || path === "");
  return own.map(({ message }) => message);
}

function describedBy(props: FieldProps, hint: string): string | undefined {
  const { id } = props;
  const ids = [messagesOf(props).length > 0 ? `${id}-wrong` : "", hint === "" ? "" : `${id}-hint`];
  return ids.filter((one) => one !== "").join(" ") || undefined;
}
