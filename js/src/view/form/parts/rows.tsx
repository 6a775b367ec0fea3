/**
 * A list: its rows in a grid, or one below the other where a row has parts of its own.
 *
 * Adding and removing keep the focus near. A list whose length is fixed has no buttons for it.
 */
import type { ComponentType, RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useSome } from "../../text/show-more";
import type { FieldProps } from "../controls";
import { Grid } from "./grid";
import { errorsIn, Messages, Remove, type RowsProps } from "./row";
import { useKept } from "./state";
import { UnitForm } from "./unit-form";
import { changed, isSingle, jsonOfRows, rowsOf, withNewRow } from "./units";

/** The server's limit (`MAX_FORM_ROWS` in `crewai_hitl_nb/protocol/limits.py`). */
const MOST_ROWS = 200;

/** Rows drawn at first; the rest on request. */
const FIRST_ROWS = 50;

interface Props extends FieldProps {
  /** Draws a field of a row that has parts itself. */
  readonly Parts: ComponentType<FieldProps>;
}

export function Rows({ id, field, input, errors, disabled, Parts, onInput }: Props) {
  const { property } = field;
  const kept = useKept(
    String(input),
    (json) => rowsOf(property, json),
    (rows) => jsonOfRows(field, rows),
    onInput,
  );
  const host = useRef<HTMLDivElement>(null);
  const focusNext = useFocusNext(host);
  const rows = kept.state;
  const fixed = property.minItems !== undefined && property.minItems === property.maxItems;
  const open = !(fixed && rows.length === property.minItems) && !field.fixed;
  const most = typeof property.maxItems === "number" ? property.maxItems : MOST_ROWS;
  const change: RowsProps["change"] = (next, path, focus) => {
    focusNext(focus);
    kept.change(next, path);
  };
  const [shown, more] = useSome(rows, "rows", FIRST_ROWS);
  const all = { id, list: field, rows: shown, errors, open, most, change };
  const locked = disabled || field.fixed;
  return (
    <div class="chitl-units" ref={host}>
      {isFlat(property) ? (
        <Grid {...all} disabled={locked} />
      ) : (
        <Stack {...all} disabled={locked} Parts={Parts} />
      )}
      {more}
      {open && <Add {...all} total={rows.length} disabled={locked} />}
    </div>
  );
}

function Add({ list, total, most, disabled, change }: RowsProps & { readonly total: number }) {
  const full = total >= most;
  const place = `[data-unit="${total}"]`;
  return (
    <button
      type="button"
      class="chitl-button chitl-small"
      data-testid="hitl-add-row"
      disabled={disabled || full}
      onClick={() => change((before) => withNewRow(list.property, before), undefined, place)}
    >
      {full ? `${most} rows at most` : "Add a row"}
    </button>
  );
}

/** Return a function that says where the focus goes once the next change is drawn. */
function useFocusNext(host: RefObject<HTMLElement | null>): (selector?: string) => void {
  const wanted = useRef<string | undefined>(undefined);
  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    const place = host.current?.querySelector<HTMLElement>(wanted.current);
    const usable = ":is(input, select, textarea, button):enabled";
    (place?.matches(usable) ? place : place?.querySelector<HTMLElement>(usable))?.focus();
    wanted.current = undefined;
  });
  return (selector) => {
    wanted.current = selector;
  };
}

/** Whether each field of a row fits into a cell. */
function isFlat(list: FieldProps["field"]["property"]): boolean {
  const [row] = withNewRow(list, []);
  return row?.fields.every(({ kind }) => kind !== "parts" && kind !== "choices") === true;
}

/** Rows that have parts of their own: a form for each. */
function Stack(props: RowsProps & Pick<Props, "Parts">) {
  const { id, list, rows, errors, disabled, open, Parts, change } = props;
  return (
    <>
      {rows.map((unit, at) => {
        const within = errorsIn(at, errors);
        const own = within.filter(({ field: path }) => path === "");
        return (
          <fieldset key={unit.key} class="chitl-unit" data-testid="hitl-unit" data-unit={at}>
            <legend class="chitl-label">{`${list.label}, row ${at + 1}`}</legend>
            <Messages id={`${id}-${unit.key}-wrong`} errors={own} />
            <UnitForm
              scope={`${id}-${unit.key}`}
              unit={unit}
              errors={isSingle(unit) ? within : within.filter((error) => !own.includes(error))}
              disabled={disabled}
              Parts={Parts}
              onUnit={(name, input, path) =>
                change(
                  (before) =>
                    before.map((one) => (one.key === unit.key ? changed(one, name, input) : one)),
                  path === "" ? String(at) : `${at}.${path}`,
                )
              }
            />
            {open && (
              <Remove unit={unit} at={at} words="Remove" disabled={disabled} change={change} />
            )}
          </fieldset>
        );
      })}
    </>
  );
}
