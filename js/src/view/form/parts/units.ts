/**
 * The parts of a field: an object's fields, or the rows of a list, and their value as JSON. Pure.
 *
 * The value travels as text between the card and this script, so that a draft of it survives a
 * reload of the page. What nobody touched keeps its value to the last letter.
 */
import { isObject } from "../../../protocol/decode";
import { type Field, fieldsOf, type Input, type Inputs, type Json, valuesOf } from "../fields";

/** One row of a list, or the only part of a field that is an object. */
export interface Unit {
  /** Stays with the row while others come and go. */
  readonly key: number;
  readonly fields: readonly Field[];
  readonly inputs: Inputs;
  /** Its value before anybody changed it; undefined for a new one. */
  readonly given: unknown;
}

/** The name of the only field of a row that is a single value. */
const WHOLE = "";

export function unitOf(schema: Json, given: unknown, key: number): Unit {
  const single = schema.type !== "object";
  const properties = single ? { [WHOLE]: { title: "Value", ...schema } } : schema.properties;
  const values = single ? { [WHOLE]: given } : given;
  const shown = Object.entries(isObject(properties) ? properties : {}).map(([name, property]) => [
    name,
    given === undefined ? property : showing(property, values, name),
  ]);
  const required = single ? [WHOLE] : schema.required;
  const fields = fieldsOf({ properties: Object.fromEntries(shown), required });
  return { key, fields, inputs: {}, given };
}

function showing(property: unknown, values: unknown, name: string): unknown {
  const { default: _, ...plain } = isObject(property) ? property : {};
  const value = isObject(values) && Object.hasOwn(values, name) ? values[name] : null;
  return value === null ? plain : { ...plain, default: value };
}

/** Return a unit with one input changed. */
export function changed(unit: Unit, name: string, input: Input): Unit {
  return { ...unit, inputs: { ...unit.inputs, [name]: input } };
}

/** Return the value of a unit; a field that was emptied before stays empty. */
export function jsonValue(unit: Unit): unknown {
  const { values } = valuesOf(unit.fields, unit.inputs);
  if (isSingle(unit)) return values[WHOLE] ?? null;
  const emptied = Object.entries(isObject(unit.given) ? unit.given : {}).filter(
    ([name, value]) => value === null && !Object.hasOwn(values, name),
  );
  return { ...values, ...Object.fromEntries(emptied) };
}

export function isSingle({ fields }: Unit): boolean {
  return fields.length === 1 && fields[0]?.name === WHOLE;
}

/** Return the path of a field within its row or part. */
export function pathOf(field: Field, path: string | undefined): string {
  return [field.name, path ?? ""].filter((part) => part !== "").join(".");
}

/** Return the rows of a list as its JSON has them; none if it is no list. */
export function rowsOf(list: Json, json: string): readonly Unit[] {
  const values = parsed(json);
  const items = isObject(list.items) ? list.items : {};
  return Array.isArray(values) ? values.map((value, at) => unitOf(items, value, at)) : [];
}

/** Return the rows with one more at the end, filled with the defaults of its fields. */
export function withNewRow(list: Json, rows: readonly Unit[]): readonly Unit[] {
  const key = Math.max(-1, ...rows.map((row) => row.key)) + 1;
  return [...rows, unitOf(isObject(list.items) ? list.items : {}, undefined, key)];
}

/**
 * Return the rows with a block of cells written from one cell on, as a spreadsheet pastes it.
 *
 * Rows are added for it, up to `most`; columns that there are not, and fixed ones, are left out.
 */
export function pasted(
  list: Json,
  rows: readonly Unit[],
  block: readonly (readonly string[])[],
  [row, column]: readonly [number, number],
  most: number,
): readonly Unit[] {
  let all = rows;
  while (all.length < Math.min(row + block.length, most)) all = withNewRow(list, all);
  return all.map((unit, at) =>
    (block[at - row] ?? []).reduce((before, cell, across) => {
      const field = before.fields[column + across];
      return field === undefined || field.fixed
        ? before
        : changed(before, field.name, typedInto(field, cell));
    }, unit),
  );
}

/** Return the cells of a copied block; null for text that is one cell. */
export function blockOf(text: string): readonly (readonly string[])[] | null {
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  return lines.length > 1 || text.includes("\t") ? lines.map((line) => line.split("\t")) : null;
}

function typedInto({ kind, options, initial }: Field, cell: string): Input {
  const text = cell.trim();
  if (kind === "flag") {
    const yes = /^(true|yes|y|1)$/i.test(text);
    return typeof initial === "boolean" ? yes : text === "" ? "" : String(yes);
  }
  const option = options.find(({ value, label }) => value === text || label === text);
  return option?.value ?? text;
}

/** Return what a list's rows are as JSON; "" for a list that was never there and has no rows. */
export function jsonOfRows(field: Field, rows: readonly Unit[]): string {
  const nothing = rows.length === 0 && !field.required && field.initial === undefined;
  return nothing ? "" : JSON.stringify(rows.map(jsonValue), null, 2);
}

export function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
