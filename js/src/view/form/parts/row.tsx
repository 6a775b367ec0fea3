/** What every row of a list has, in a grid or by itself: its errors, and a button to remove it. */
import type { FieldError } from "../../../protocol/decode";
import type { FieldProps } from "../controls";
import type { Unit } from "./units";

export interface RowsProps {
  readonly id: string;
  readonly list: FieldProps["field"];
  readonly rows: readonly Unit[];
  readonly errors: readonly FieldError[];
  readonly disabled: boolean;
  /** Whether rows can be added and removed. */
  readonly open: boolean;
  /** The most rows that the list may have. */
  readonly most: number;
  readonly change: (
    next: (before: readonly Unit[]) => readonly Unit[],
    path?: string | undefined,
    focus?: string,
  ) => void;
}

type RemoveProps = Pick<RowsProps, "disabled" | "change"> & {
  readonly unit: Unit;
  readonly at: number;
  readonly words: string;
};

export function Remove({ unit, at, disabled, words, change }: RemoveProps) {
  return (
    <button
      type="button"
      class="chitl-button chitl-small"
      data-testid="hitl-remove-row"
      aria-label={`Remove row ${at + 1}`}
      title="Remove"
      disabled={disabled}
      onClick={() =>
        change(
          (before) => before.filter(({ key }) => key !== unit.key),
          undefined,
          // The row that comes next, else the button that adds one.
          `[data-unit="${at}"] [data-testid=hitl-remove-row], [data-testid=hitl-add-row]`,
        )
      }
    >
      {words}
    </button>
  );
}

/** Return the errors of one row, with their paths within it. */
export function errorsIn(at: number, errors: readonly FieldError[]): readonly FieldError[] {
  return errors
    .filter(({ field: path }) => path === String(at) || path.startsWith(`${at}.`))
    .map(({ field: path, message }) => ({ field: path.slice(`${at}.`.length), message }));
}

export function Messages({ id, errors }: { id: string; errors: readonly FieldError[] }) {
  if (errors.length === 0) return null;
  return (
    <p class="chitl-wrong" id={id}>
      {errors.map(({ message }) => message).join("; ")}
    </p>
  );
}
