/**
 * A typed form: which fields a schema asks for, and which values their inputs stand for. Pure.
 *
 * The schema is the flat subset that `crewai_hitl_nb/protocol/schema.py` admits. The server
 * judges the values; here they only get their types. What nobody touched is sent back exactly
 * as it came. It knows nothing of how a field is drawn (`form.tsx`).
 */
import { type FieldError, isObject } from "../../protocol/decode";

/** What an input holds: a text, a tick, or the chosen ones of a list. */
export type Input = string | boolean | readonly string[];
export type Inputs = Readonly<Record<string, Input>>;

export type FieldKind =
  | "line"
  | "lines"
  | "email"
  | "url"
  | "date"
  | "date-time"
  | "time"
  | "number"
  | "integer"
  | "flag"
  | "choice"
  | "choices";

export interface Option {
  readonly value: string;
  readonly label: string;
}

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  /** The limits, in words: "1 to 10". */
  readonly limits: string;
  readonly kind: FieldKind;
  readonly required: boolean;
  readonly options: readonly Option[];
  /** What it holds when nobody touches it; undefined where the schema says nothing. */
  readonly initial: unknown;
  /** Whether an empty text or list is a value of it, and not just nothing. */
  readonly mayBeBlank: boolean;
  /** Of a moment: whether it is meant without a time zone. */
  readonly local: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/** A text that is longer than this is given room. */
const LINE_CHARS = 60;

const FORMATS: Readonly<Record<string, FieldKind>> = {
  email: "email",
  uri: "url",
  date: "date",
  "date-time": "date-time",
  time: "time",
  "date-time-local": "date-time",
  "time-local": "time",
};

export function fieldsOf(schema: Json): readonly Field[] {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(properties).map(([name, raw]) => {
    const property = isObject(raw) ? raw : {};
    return {
      name,
      label: text(property.title) || name.replaceAll("_", " "),
      description: text(property.description),
      limits: [limitsOf(property), zoneOf(property)].filter((part) => part !== "").join(", "),
      kind: kindOf(property),
      required: required.includes(name),
      options: optionsOf(property),
      initial: property.default,
      mayBeBlank: !(number(property.minLength) || number(property.minItems)),
      local: text(property.format).endsWith("-local"),
    };
  });
}

/** Return what a field's input shows before anybody touches it. */
export function initialInput(field: Field): Input {
  const { kind, initial } = field;
  if (kind === "choices") return Array.isArray(initial) ? initial.map(String) : [];
  if (initial === undefined || initial === null) return "";
  if (kind === "flag") return initial === true;
  if (kind === "date-time") return localDateTime(String(initial));
  if (kind === "time") return /^\d\d:\d\d(:\d\d)?/.exec(String(initial))?.[0] ?? "";
  return String(initial);
}

/** Return what a field's input shows: what was typed, or what it began with. */
export function inputOf(field: Field, inputs: Inputs): Input {
  return inputs[field.name] ?? initialInput(field);
}

/** Whether a person has changed anything. */
export function isChanged(fields: readonly Field[], inputs: Inputs): boolean {
  return fields.some((field) => !isUntouched(field, inputOf(field, inputs)));
}

export interface Filled {
  readonly values: Json;
  /** What this browser cannot send as it was meant; the rest is the server's to judge. */
  readonly errors: readonly FieldError[];
}

/**
 * Return the values that the inputs stand for.
 *
 * An empty optional field is left out, and is null where it had a default: leaving it out would
 * bring that back.
 */
export function valuesOf(fields: readonly Field[], inputs: Inputs): Filled {
  const values: Record<string, unknown> = {};
  const errors: FieldError[] = [];
  for (const field of fields) {
    const value = typed(field, inputOf(field, inputs));
    if (value !== undefined) values[field.name] = value;
    if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      errors.push({ field: `values.${field.name}`, message: INEXACT });
    }
  }
  return { values, errors };
}

const INEXACT =
  "has more digits than a browser can send exactly; answer with the Python client or the API";

/** Return the errors of one field; the longest name wins, since a name may hold a dot. */
export function errorsOf(
  field: Field,
  fields: readonly Field[],
  errors: readonly FieldError[],
): readonly string[] {
  const isOf = (name: string, path: string) =>
    path === `values.${name}` || path.startsWith(`values.${name}.`);
  const better = fields.filter(({ name }) => name.length > field.name.length);
  return errors
    .filter(({ field: path }) => isOf(field.name, path))
    .filter(({ field: path }) => !better.some(({ name }) => isOf(name, path)))
    .map(({ message }) => message);
}

function typed(field: Field, input: Input): unknown {
  if (isUntouched(field, input)) return untouched(field);
  if (typeof input !== "string") {
    return Array.isArray(input) && input.length === 0 && !field.mayBeBlank ? emptied(field) : input;
  }
  const { kind, initial } = field;
  if (kind === "line" || kind === "lines") {
    // Emptied on purpose is an empty text; never filled is nothing.
    if (input !== "") return input;
    return typeof initial === "string" && field.mayBeBlank ? "" : emptied(field);
  }
  const trimmed = input.trim();
  if (trimmed === "") return emptied(field);
  switch (kind) {
    case "number":
    case "integer":
      return Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
    case "flag":
      return trimmed === "true";
    case "date-time":
      return field.local ? trimmed : zoned(trimmed);
    case "time":
      return `${trimmed.length === 5 ? `${trimmed}:00` : trimmed}${field.local ? "" : timeZone(field)}`;
    default:
      return trimmed;
  }
}

/** What stands for nothing: the server says where a field has to be filled. */
function emptied({ initial, required }: Field): null | undefined {
  return required || initial === undefined || initial === null ? undefined : null;
}

/** A list that has to be there is there, be it empty; everything else is as it came. */
function untouched({ kind, initial, required }: Field): unknown {
  if (initial === undefined || initial === null) {
    return kind === "choices" && required ? [] : undefined;
  }
  return initial;
}

function isUntouched(field: Field, input: Input): boolean {
  return JSON.stringify(input) === JSON.stringify(initialInput(field));
}

function kindOf(property: Json): FieldKind {
  if (Array.isArray(property.enum)) return "choice";
  switch (property.type) {
    case "number":
    case "integer":
      return property.type;
    case "boolean":
      return "flag";
    case "array":
      return "choices";
    default:
      return FORMATS[text(property.format)] ?? (isLong(property) ? "lines" : "line");
  }
}

function isLong({ default: initial, maxLength }: Json): boolean {
  if (typeof maxLength === "number" && maxLength > 4 * LINE_CHARS) return true;
  return typeof initial === "string" && (initial.length > LINE_CHARS || initial.includes("\n"));
}

function optionsOf(property: Json): readonly Option[] {
  const items = isObject(property.items) ? property.items : {};
  const values = Array.isArray(property.enum) ? property.enum : items.enum;
  if (!Array.isArray(values)) return [];
  const names = Array.isArray(property.enumNames) ? property.enumNames : [];
  return values.map((value, at) => ({
    value: String(value),
    label: text(names[at]) || String(value),
  }));
}

const RANGES = [
  ["minimum", "maximum", ""],
  ["minLength", "maxLength", " characters"],
  ["minItems", "maxItems", " choices"],
] as const;

function limitsOf(property: Json): string {
  const above = number(property.exclusiveMinimum);
  const below = number(property.exclusiveMaximum);
  const words = RANGES.map(([low, high, unit]) => range(property[low], property[high], unit));
  if (above !== null) words.push(`more than ${above}`);
  if (below !== null) words.push(`less than ${below}`);
  return words.filter((word) => word !== "").join(", ");
}

function range(low: unknown, high: unknown, unit: string): string {
  const [least, most] = [number(low), number(high)];
  if (least !== null && most !== null) return `${least} to ${most}${unit}`;
  if (least !== null && (unit === "" || least > 0)) return `at least ${least}${unit}`;
  return most === null ? "" : `at most ${most}${unit}`;
}

/** Say which zone a moment is in, since what a person types there has none. */
function zoneOf(property: Json): string {
  const format = text(property.format);
  if (format.endsWith("-local")) return "without a time zone";
  if (format === "date-time") {
    return `your time zone (${new Intl.DateTimeFormat().resolvedOptions().timeZone})`;
  }
  if (format !== "time") return "";
  const zone = timeZone({ initial: property.default });
  return `time zone ${/^z$/i.test(zone) ? "UTC" : `UTC${zone}`}`;
}

/** What an `<input type="datetime-local">` wants: the reader's own clock, without a zone. */
function localDateTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return "";
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().replace(/(:00)?\.000Z$|Z$/, "");
}

function zoned(local: string): string {
  const time = new Date(local);
  return Number.isNaN(time.getTime()) ? local : time.toISOString();
}

/** A time of day needs a zone (RFC 3339): that of the time it began with, or the reader's. */
function timeZone({ initial }: { readonly initial: unknown }): string {
  const given = /^\d\d:\d\d(?::\d\d(?:\.\d+)?)?(.+)$/.exec(text(initial))?.[1];
  if (given !== undefined) return given;
  const east = -new Date().getTimezoneOffset();
  const two = (count: number) => String(Math.floor(count)).padStart(2, "0");
  const [hours, minutes] = [two(Math.abs(east) / 60), two(Math.abs(east) % 60)];
  return `${east < 0 ? "-" : "+"}${hours}:${minutes}`;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
