/** How the cells of a table are written, compared and found. Pure. */
import type { Cell, Table } from "./resource";

export interface Order {
  /** The place of the field. */
  readonly field: number;
  readonly descending: boolean;
}

const MISSING: ReadonlySet<Cell> = new Set([null, "NaN", "NaT", "<NA>"]);

/** Compares texts as people do: letters of any case, and numbers in them by value. */
const { compare } = new Intl.Collator(undefined, { numeric: true });

const DURATION = /^(-?)P(\d+)DT(\d+)H(\d+)M(\d+)((?:\.\d+)?)S$/;

export function isNumeric(type: string): boolean {
  return type === "integer" || type === "number";
}

export function isMissing(cell: Cell): boolean {
  return MISSING.has(cell);
}

/** Return the cell as a person reads it. */
export function cellText(cell: Cell, type: string): string {
  if (cell === null) return "None";
  if (typeof cell === "boolean") return cell ? "True" : "False";
  if (typeof cell === "number") return String(cell);
  if (type === "datetime") return cell.replace("T", " ");
  const match = type === "duration" ? DURATION.exec(cell) : null;
  if (match === null) return cell;
  const [, sign, days, hours = "", minutes = "", seconds = "", fraction] = match;
  const clock = [hours, minutes, seconds].map((part) => part.padStart(2, "0")).join(":");
  return `${sign}${days === "0" ? "" : `${days} d `}${clock}${fraction}`;
}

/** Return the places of the rows that contain the text, in order. */
export function placesOf(table: Table, text: string, order: Order | null): readonly number[] {
  const sought = text.trim().toLowerCase();
  const places = table.rows.flatMap((row, place) => {
    const has = (cell: Cell, at: number) =>
      cellText(cell, table.fields[at]?.type ?? "")
        .toLowerCase()
        .includes(sought);
    return sought === "" || row.some(has) ? [place] : [];
  });
  if (order === null) return places;
  const { field, descending } = order;
  const keys = keysOf(table, field);
  return places.sort((one, other) => {
    const [a = null, b = null] = [table.rows[one]?.[field], table.rows[other]?.[field]];
    const [first, second] = [isMissing(a), isMissing(b)];
    if (first || second) return Number(first) - Number(second); // last in either direction
    const [x = 0, y = 0] = [keys[one], keys[other]];
    const sign = x === y ? compare(String(a), String(b)) : x < y ? -1 : 1;
    return descending ? -sign : sign;
  });
}

/** Return a number for each cell of a column to sort by; texts all have the same. */
function keysOf(table: Table, field: number): readonly number[] {
  const type = table.fields[field]?.type ?? "";
  return table.rows.map((row) => {
    const key = keyOf(row[field] ?? null, type);
    return Number.isNaN(key) ? 0 : key;
  });
}

function keyOf(cell: Cell, type: string): number {
  if (typeof cell === "number" || typeof cell === "boolean") return Number(cell);
  if (cell === null) return 0;
  if (isNumeric(type)) return Number(cell.replace("INF", "Infinity"));
  if (type === "datetime") return Date.parse(cell);
  const match = type === "duration" ? DURATION.exec(cell) : null;
  if (match === null) return 0;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(2, 6).map(Number);
  const length = ((days * 24 + hours) * 60 + minutes) * 60 + seconds + Number(match[6] || 0);
  return match[1] === "-" ? -length : length;
}
