/**
 * The rows of a list as a grid of inputs, with the errors in their cells.
 *
 * Enter goes down a column and adds a row below the last; a block of cells copied from a spreadsheet
 * is pasted as cells. Columns that are only shown have text instead of inputs.
 */
import type { FieldError } from "../../../protocol/decode";
import { LongText } from "../../text/show-more";
import { Control, Group, YES_NO } from "../controls";
import { type Field, type Input, inputOf } from "../fields";
import { errorsIn, Messages, Remove, type RowsProps } from "./row";
import { blockOf, changed, isSingle, pasted, type Unit, withNewRow } from "./units";

type Place = readonly [row: number, column: number];

export function Grid(props: RowsProps) {
  const { list, rows, disabled, open, change } = props;
  const [like] = withNewRow(list.property, []);
  if (like === undefined || rows.length === 0) return null;
  const drawn = new Set(rows.map(({ key }) => key));
  return (
    <div class="chitl-scroll" {...handlersOf(props)}>
      <table class="chitl-grid" data-testid="hitl-grid" aria-label={list.label}>
        <Head
          fields={like.fields}
          single={isSingle(like)}
          open={open}
          disabled={disabled}
          // Only what is drawn: nobody decides on rows that they have not seen.
          onAll={(name, value) =>
            change((before) =>
              before.map((one) => (drawn.has(one.key) ? changed(one, name, value) : one)),
            )
          }
        />
        <tbody>
          {rows.map((unit, at) => (
            <Row key={unit.key} {...props} unit={unit} at={at} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Return what a key or a paste in a cell does. */
function handlersOf({ list, rows, disabled, open, most, change }: RowsProps) {
  const onKeyDown = (event: KeyboardEvent) => {
    const place = placeOf(event.target);
    if (place === null || event.key !== "Enter" || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return; // Ctrl+Enter sends
    if ((event.target as HTMLElement).tagName === "TEXTAREA" && event.shiftKey) return;
    event.preventDefault(); // which would send the form
    const [row, column] = place;
    const to = row + (event.shiftKey ? -1 : 1);
    const adds = to >= rows.length && open && rows.length < most;
    change(
      (before) => (adds ? withNewRow(list.property, before) : before),
      `${row}`,
      `[data-unit="${to}"] [data-column="${adds ? 0 : column}"]`,
    );
  };
  const onPaste = (event: ClipboardEvent) => {
    const place = placeOf(event.target);
    const block = blockOf(event.clipboardData?.getData("text/plain") ?? "");
    if (place === null || block === null || disabled) return;
    event.preventDefault();
    const room = open ? most : rows.length;
    change((before) => pasted(list.property, before, block, place, room));
  };
  return { onKeyDown, onPaste };
}

interface HeadProps {
  readonly fields: readonly Field[];
  readonly single: boolean;
  readonly open: boolean;
  readonly disabled: boolean;
  /** Fill a column with one choice. */
  readonly onAll: (name: string, value: string) => void;
}

function Head({ fields, single, open, disabled, onAll }: HeadProps) {
  return (
    <thead>
      <tr>
        <th scope="col">
          <span class="chitl-sr">Row</span>
        </th>
        {fields.map((field) => (
          <HeadCell
            key={field.name}
            field={field}
            single={single}
            disabled={disabled}
            onAll={onAll}
          />
        ))}
        {open && (
          <th scope="col">
            <span class="chitl-sr">Remove</span>
          </th>
        )}
      </tr>
    </thead>
  );
}

type HeadCellProps = Omit<HeadProps, "fields" | "open"> & { readonly field: Field };

function HeadCell({ field, single, disabled, onAll }: HeadCellProps) {
  return (
    <th scope="col" dir="auto" title={field.description || undefined}>
      {field.label}
      {field.required && !single && <span class="chitl-required"> (required)</span>}
      {field.limits !== "" && <span class="chitl-hint chitl-limits">{field.limits}</span>}
      {isDecision(field) && (
        <span class="chitl-all">
          {field.options.map(({ value, label }) => (
            <button
              key={value}
              type="button"
              class="chitl-button chitl-small"
              data-testid="hitl-all"
              disabled={disabled}
              onClick={() => onAll(field.name, value)}
            >
              {`All ${label}`}
            </button>
          ))}
        </span>
      )}
    </th>
  );
}

function Row(props: RowsProps & { readonly unit: Unit; readonly at: number }) {
  const { id, errors, disabled, open, unit, at, change } = props;
  const within = errorsIn(at, errors);
  const own = isSingle(unit) ? [] : within.filter(({ field: path }) => path === "");
  return (
    <tr data-testid="hitl-unit" data-unit={at}>
      <th scope="row">
        {at + 1}
        <Messages id={`${id}-${unit.key}-wrong`} errors={own} />
      </th>
      {unit.fields.map((field, column) => (
        <td key={field.name} data-testid={`hitl-field-${field.name}`}>
          <Cell
            id={`${id}-${unit.key}-${column}`}
            field={field}
            unit={unit}
            place={[at, column]}
            errors={within.filter(
              ({ field: path }) => path === field.name || path.startsWith(`${field.name}.`),
            )}
            disabled={disabled}
            change={change}
          />
        </td>
      ))}
      {open && (
        <td>
          <Remove unit={unit} at={at} words="✕" disabled={disabled} change={change} />
        </td>
      )}
    </tr>
  );
}

interface CellProps {
  readonly id: string;
  readonly field: Field;
  readonly unit: Unit;
  readonly place: Place;
  readonly errors: readonly FieldError[];
  readonly disabled: boolean;
  readonly change: RowsProps["change"];
}

function Cell({ id, field, unit, place: [row, column], errors, disabled, change }: CellProps) {
  const input = inputOf(field, unit.inputs);
  if (field.fixed) {
    return (
      <span dir="auto">
        <LongText text={String(input)} />
      </span>
    );
  }
  const onInput = (value: Input) =>
    change(
      (before) =>
        before.map((one) => (one.key === unit.key ? changed(one, field.name, value) : one)),
      field.name === "" ? `${row}` : `${row}.${field.name}`,
    );
  const name = isSingle(unit) ? `Row ${row + 1}` : `${field.label}, row ${row + 1}`;
  const describedBy = errors.length > 0 ? `${id}-wrong` : undefined;
  const all = { id, field, input, errors, disabled, first: false, lazy: false, onInput };
  return (
    <div data-column={column}>
      {isDecision(field) ? (
        <div role="radiogroup" aria-label={name} aria-describedby={describedBy}>
          <Group {...all} options={field.options} />
        </div>
      ) : (
        <Control {...all} field={drawnAs(field)} name={name} describedBy={describedBy} />
      )}
      <Messages id={`${id}-wrong`} errors={errors} />
    </div>
  );
}

/** Up to this many choices stand beside each other in a cell. */
const MOST_BESIDE = 3;

/** Whether a column is one choice of a few, which everybody has to make. */
function isDecision({ kind, required, options }: Field): boolean {
  return kind === "choice" && required && options.length <= MOST_BESIDE;
}

/** A yes-or-no field that may be empty is a select, since a checkbox has only two states. */
function drawnAs(field: Field): Field {
  return field.kind === "flag" && typeof field.initial !== "boolean"
    ? { ...field, kind: "choice", options: YES_NO }
    : field;
}

function placeOf(target: EventTarget | null): Place | null {
  const cell = (target as HTMLElement | null)?.closest<HTMLElement>("[data-column]");
  const row = cell?.closest<HTMLElement>("[data-unit]");
  if (cell == null || row == null) return null;
  return [Number(row.dataset.unit), Number(cell.dataset.column)];
}
