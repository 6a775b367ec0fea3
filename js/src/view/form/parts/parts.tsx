/** A field that is an object: its fields as a form within the form. A list is in `rows.tsx`. */
import type { FieldProps } from "../controls";
import { holdsFiles } from "../fields";
import { PartsOnDemand } from "../parts-on-demand";
import { Rows } from "./rows";
import { useKept } from "./state";
import { UnitForm } from "./unit-form";
import { changed, jsonValue, parsed, type Unit, unitOf } from "./units";

export function Parts(props: FieldProps) {
  if (holdsFiles(props.field.property)) return <PartsOnDemand {...props} />;
  return props.field.property.type === "object" ? (
    <Part {...props} />
  ) : (
    <Rows {...props} Parts={Parts} />
  );
}

/** An optional object can be left out as a whole. */
function Part(props: FieldProps) {
  const { id, field, input, disabled, onInput } = props;
  const read = (json: string) => {
    const value = parsed(json);
    return value === undefined && !field.required ? null : unitOf(field.property, value, 0);
  };
  const write = (unit: Unit | null) =>
    unit === null ? "" : JSON.stringify(jsonValue(unit), null, 2);
  const { state: unit, change } = useKept(String(input), read, write, onInput);
  return (
    <div class="chitl-part">
      {!field.required && (
        <label class="chitl-choice">
          <input
            type="checkbox"
            checked={unit !== null}
            disabled={disabled || field.fixed}
            data-testid="hitl-fill-in"
            onChange={(event) => {
              const on = event.currentTarget.checked;
              change(() => (on ? unitOf(field.property, field.initial ?? undefined, 0) : null));
            }}
          />
          <span>Fill in</span>
        </label>
      )}
      {unit !== null && (
        <UnitForm
          {...props}
          scope={`${id}-part`}
          unit={unit}
          errors={props.errors.filter(({ field: path }) => path !== "")}
          disabled={disabled || field.fixed}
          Parts={Parts}
          onUnit={(name, value, path) =>
            change((before) => (before === null ? null : changed(before, name, value)), path)
          }
        />
      )}
    </div>
  );
}
