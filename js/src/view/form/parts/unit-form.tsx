/** The fields of an object, or of a row that has parts, as a form within the form. */
import type { ComponentType } from "preact";
import type { FieldError } from "../../../protocol/decode";
import type { FieldProps } from "../controls";
import { Form } from "../form";
import { isSingle, pathOf, type Unit } from "./units";

interface UnitFormProps {
  readonly scope: string;
  readonly unit: Unit;
  /** With their paths within the unit. */
  readonly errors: readonly FieldError[];
  readonly disabled: boolean;
  /** Draws a field that has parts itself. */
  readonly Parts: ComponentType<FieldProps>;
  readonly onUnit: (name: string, input: FieldProps["input"], path: string) => void;
}

export function UnitForm({ scope, unit, errors, disabled, Parts, onUnit }: UnitFormProps) {
  // The only field of a row that is a single value has no name.
  const root = isSingle(unit) ? "values.." : "values.";
  const placed = errors.map(({ field: path, message }) => ({
    field: path === "" ? "values." : `${root}${path}`,
    message,
  }));
  return (
    <Form
      scope={scope}
      fields={unit.fields}
      inputs={unit.inputs}
      errors={placed}
      disabled={disabled}
      Parts={Parts}
      onInput={(field, input, path) => onUnit(field.name, input, pathOf(field, path))}
    />
  );
}
