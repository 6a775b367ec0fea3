/**
 * Typed forms: the fields of a schema, and the values of their inputs. Pure.
 *
 * The schema is the subset that `crewai_hitl_nb/protocol/schema.py` accepts. The server
 * validates values; here they only get their types. Unchanged fields are sent back exactly as they
 * came. `controls.tsx` draws the inputs. The input of a field with parts or rows is its value as JSON
 * text, which `parts/` edits.
 */
import { type FieldError, isObject } from "../../protocol/decode";

/** The value of an input: text (JSON for parts), a tick, or the chosen items of a list. */
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
  | "decimal"
  | "either"
  | "parts"
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
  /** The limits as text: "1 to 10", in the words of the server's errors (`forms.json`). */
  readonly limits: string;
  readonly kind: FieldKind;
  readonly required: boolean;
  readonly options: readonly Option[];
  /** The default value; undefined without one in the schema. */
  readonly initial: unknown;
  /** Whether an empty text or list is a valid value, rather than no value. */
  readonly mayBeBlank: boolean;
  /** For dates and times: whether they have no time zone. */
  readonly local: boolean;
  /** Whether the value is only shown. */
  readonly fixed: boolean;
  /** The field's schema, for what only some kinds of field have. */
  readonly property: Json;
}

export type Json = Readonly<Record<string, unknown>>;

/** Longer texts get a multi-line input. */
const LINE_CHARS = 60;

const FORMATS: Readonly<Record<string, FieldKind>> = {
  email: "email",
  uri: "url",
  date: "date",
  "date-time": "date-time",
  time: "time",
  "date-time-local": "date-time",
  "time-local": "time",
  decimal: "decimal",
};

/** The name that an input's value has for a file that is not uploaded yet. */
export const NOT_UPLOADED = "crewai-hitl/not-uploaded";

/** Whether a field is a file, or a list of files. */
export function holdsFiles({ format, items }: Json): boolean {
  return format === "file" || (isObject(items) && items.format === "file");
}

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
      fixed: property.readOnly === true,
      property,
    };
  });
}

/** Return what a field's input shows at first. */
export function initialInput(field: Field): Input {
  const { kind, initial } = field;
  if (kind === "choices") return Array.isArray(initial) ? initial.map(String) : [];
  if (initial === undefined || initial === null) return "";
  if (kind === "parts") return JSON.stringify(initial, null, 2);
  if (kind === "flag") return initial === true;
  if (kind === "date-time") return localDateTime(String(initial));
  if (kind === "time") return /^\d\d:\d\d(:\d\d)?/.exec(String(initial))?.[0] ?? "";
  return String(initial);
}

/** Return what a field's input shows: what was entered, or its initial value. */
export function inputOf(field: Field, inputs: Inputs): Input {
  return inputs[field.name] ?? initialInput(field);
}

/** Whether a person has changed anything. */
export function isChanged(fields: readonly Field[], inputs: Inputs): boolean {
  return fields.some((field) => !isUntouched(field, inputOf(field, inputs)));
}

export interface Filled {
  readonly values: Json;
  /** Values that a browser cannot send exactly; the server validates everything else. */
  readonly errors: readonly FieldError[];
}

/**
 * Return the values of the inputs.
 *
 * An empty optional field is left out, or is null if it has a default: leaving it out would restore
 * the default.
 */
export function valuesOf(fields: readonly Field[], inputs: Inputs): Filled {
  const values: Record<string, unknown> = {};
  const errors: FieldError[] = [];
  for (const field of fields) {
    const value = typed(field, inputOf(field, inputs));
    if (value !== undefined) values[field.name] = value;
    errors.push(...unsendable(field, value, `values.${field.name}`));
  }
  return { values, errors };
}

function unsendable(field: Field, value: unknown, path: string): readonly FieldError[] {
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return [{ field: path, message: INEXACT }];
  }
  if (field.kind !== "parts") return [];
  if (typeof value === "string") return [{ field: path, message: "is not valid JSON" }];
  if (typeof value !== "object" || value === null) return [];
  if (NOT_UPLOADED in value) return [{ field: path, message: "is not uploaded yet" }];
  return Object.entries(value).flatMap(([name, part]) =>
    typeof part === "string" ? [] : unsendable(field, part, `${path}.${name}`),
  );
}

const INEXACT =
  "has more digits than a browser can send exactly; answer with the Python client or the API";

/**
 * Return the errors of one field, each with its path within the field; the longest matching name
 * wins, as names may hold dots.
 */
export function errorsOf(
  field: Field,
  fields: readonly Field[],
  errors: readonly FieldError[],
): readonly FieldError[] {
  const isOf = (name: string, path: string) =>
    path === `values.${name}` || path.startsWith(`values.${name}.`);
  const better = fields.filter(({ name }) => name.length > field.name.length);
  return errors
    .filter(({ field: path }) => isOf(field.name, path))
    .filter(({ field: path }) => !better.some(({ name }) => isOf(name, path)))
    .map(({ field: path, message }) => ({
      field: path.slice(`values.${field.name}.`.length),
      message,
    }));
}

function typed(field: Field, input: Input): unknown {
  if (isUntouched(field, input)) return untouched(field);
  if (typeof input !== "string") {
    return Array.isArray(input) && input.length === 0 && !field.mayBeBlank ? emptied(field) : input;
  }
  const { kind, initial } = field;
  if (kind === "line" || kind === "lines") {
    // Emptied on purpose means an empty text; never filled means no value.
    if (input !== "") return input;
    return typeof initial === "string" && field.mayBeBlank ? "" : emptied(field);
  }
  const trimmed = input.trim();
  if (trimmed === "") return emptied(field);
  switch (kind) {
    case "number":
    case "integer":
      return Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
    case "either":
      return either(field.property.type, trimmed);
    case "parts":
      return parsed(trimmed);
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

/** Return a text as a value of the narrowest of several types that it can have. */
function either(types: unknown, written: string): unknown {
  const has = (type: string) => Array.isArray(types) && types.includes(type);
  if (has("boolean") && /^(true|false)$/i.test(written)) return written.toLowerCase() === "true";
  const number = /^[-+]?[\d.]/.test(written) ? Number(written) : Number.NaN;
  const fits = has("number") ? Number.isFinite(number) : has("integer") && Number.isInteger(number);
  return fits ? number : written;
}

/** Return the value of a JSON text, or the text if it is not JSON: the form then says so. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** Return the value of an emptied field; the server reports required ones. */
function emptied({ initial, required }: Field): null | undefined {
  return required || initial === undefined || initial === null ? undefined : null;
}

/** Return the value of an unchanged field; required parts and lists are sent even if empty. */
function untouched({ kind, initial, required, property }: Field): unknown {
  if (initial !== undefined && initial !== null) return initial;
  const file = property.format === "file";
  if (!required || file || (kind !== "choices" && kind !== "parts")) return undefined;
  return property.type === "object" ? {} : [];
}

function isUntouched(field: Field, input: Input): boolean {
  return JSON.stringify(input) === JSON.stringify(initialInput(field));
}

function kindOf(property: Json): FieldKind {
  if (Array.isArray(property.enum)) return "choice";
  if (Array.isArray(property.type)) return "either";
  switch (property.type) {
    case "object":
      return "parts";
    case "number":
    case "integer":
      return property.type;
    case "boolean":
      return "flag";
    case "array":
      return isObject(property.items) && !property.items.enum ? "parts" : "choices";
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
  ["minLength", "maxLength", " character"],
  ["minItems", "maxItems", " choice"],
] as const;

function limitsOf(property: Json): string {
  const above = number(property.exclusiveMinimum);
  const below = number(property.exclusiveMaximum);
  const rows = kindOf(property) === "parts" ? " row" : " choice";
  const counted = holdsFiles(property) ? " file" : rows;
  const words = RANGES.map(([low, high, unit]) =>
    range(property[low], property[high], unit === " choice" ? counted : unit),
  );
  if (above !== null) words.push(`more than ${above}`);
  if (below !== null) words.push(`less than ${below}`);
  return words.filter((word) => word !== "").join(", ");
}

function range(low: unknown, high: unknown, unit: string): string {
  const [least, most] = [number(low), number(high)];
  const counted = (limit: number) => `${limit}${unit}${unit === "" || limit === 1 ? "" : "s"}`;
  if (least !== null && most !== null) return `${least} to ${counted(most)}`;
  if (least !== null && (unit === "" || least > 0)) return `at least ${counted(least)}`;
  return most === null ? "" : `at most ${counted(most)}`;
}

/** Return the time zone of a date or time as text, since the input shows none. */
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

/** Return the value for `<input type="datetime-local">`: local time, without a zone. */
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

/** Return the zone of a time of day (RFC 3339): that of its default, or the reader's. */
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
