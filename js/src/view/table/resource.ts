/**
 * Reads a table that came with a question: a Tabular Data Resource of Frictionless. Pure.
 *
 * Any publisher can attach one, so nothing is assumed of it: what does not fit is refused, and the
 * page then shows the table in the context's Markdown.
 */
import { isObject } from "../../protocol/decode";

export type Cell = string | number | boolean | null;

export interface Field {
  /** Its key in a row of the resource. */
  readonly name: string;
  /** Its name for people; blank for an index without a name. */
  readonly title: string;
  /** Its type in a Table Schema: "integer", "datetime", … */
  readonly type: string;
  /** Its type in words of the library that made the table, or "". */
  readonly dtype: string;
  readonly isIndex: boolean;
}

export interface Table {
  readonly fields: readonly Field[];
  readonly rows: readonly (readonly Cell[])[];
  /** What the table holds in words: "first 500 of 12,000 rows, 5 columns". */
  readonly extent: string;
  /** Whether it is the beginning of a longer one. */
  readonly isCut: boolean;
}

/** The most that is drawn; the kernel sends 500 rows of 50 columns. */
const MOST_FIELDS = 100;
const MOST_ROWS = 5000;
const MOST_WORDS = 200;

/** Return the table, or null if the data does not describe one. */
export function tableOf(resource: unknown): Table | null {
  if (!isObject(resource) || !isObject(resource.schema)) return null;
  const { data, index, schema, total } = resource;
  if (!Array.isArray(schema.fields) || !Array.isArray(data)) return null;
  const isIndex = new Set(Array.isArray(index) ? index : []);
  const known = schema.fields.flatMap((field) => fieldOf(field, isIndex));
  const fields = known.slice(0, MOST_FIELDS);
  const rows = data
    .slice(0, MOST_ROWS)
    .filter(isObject)
    .map((row) => fields.map(({ name }) => cellOf(Object.hasOwn(row, name) ? row[name] : null)));
  if (fields.length === 0) return null;
  const size = isObject(total) ? total : {};
  const own = (all: readonly Field[]) => all.filter((field) => !field.isIndex).length;
  const rowTotal = count(size.rows, data.length);
  const columnTotal = count(size.columns, own(known));
  const extent = [
    part(rows.length, rowTotal, "row"),
    part(own(fields), columnTotal, "column"),
  ].join(", ");
  return { fields, rows, extent, isCut: rows.length < rowTotal };
}

function fieldOf(raw: unknown, isIndex: ReadonlySet<unknown>): readonly Field[] {
  if (!isObject(raw) || typeof raw.name !== "string") return [];
  const words = (value: unknown, otherwise: string) =>
    typeof value === "string" ? value.slice(0, MOST_WORDS) : otherwise;
  return [
    {
      name: raw.name,
      title: words(raw.title, words(raw.name, "")),
      type: words(raw.type, "any"),
      dtype: words(raw.dtype, ""),
      isIndex: isIndex.has(raw.name),
    },
  ];
}

function cellOf(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === "object") return JSON.stringify(value);
  return value as Cell; // JSON has nothing else
}

function count(value: unknown, least: number): number {
  return typeof value === "number" && Number.isSafeInteger(value) ? Math.max(value, least) : least;
}

function part(shown: number, total: number, what: string): string {
  const many = `${total.toLocaleString("en")} ${what}${total === 1 ? "" : "s"}`;
  return shown === total ? many : `first ${shown.toLocaleString("en")} of ${many}`;
}
