/**
 * The boundary: from `unknown` to typed values, once.
 *
 * The transports pass in what came over the wire. The schema is generated from the Python types,
 * so the guard cannot drift from them. Everything behind it is typed, with defaults filled in. A
 * type that this version does not know passes through, an unknown field is ignored, and a value
 * that does not fit its type is refused.
 */
import {
  type Ack,
  type AnsweredBy,
  CLOSING_TYPES,
  DEFS,
  EVENT_TYPES,
  type Gap,
  type Heartbeat,
  type HumanInputCancelled,
  type HumanInputClaimed,
  type HumanInputCompleted,
  type HumanInputExpired,
  type HumanInputReminded,
  type HumanInputRequired,
  OPENING_TYPE,
  RUN_TYPES,
  type RunCancelled,
  type RunCancelRequested,
  type RunFailed,
  type RunFinished,
  type RunPaused,
  type RunStarted,
  type RunTaskFailed,
  type RunTaskFinished,
  type RunTaskStarted,
} from "./gen";

export type ClosingEvent = HumanInputCompleted | HumanInputCancelled | HumanInputExpired;

/** A question as it came; `brief` marks a large one that was sent without its texts. */
export type Asked = HumanInputRequired & { readonly brief?: true };

export type RequestEvent = Asked | HumanInputClaimed | HumanInputReminded | ClosingEvent;

/** An event of a run that was started with `hitl.start()`. */
export type RunEvent =
  | RunStarted
  | RunTaskStarted
  | RunTaskFinished
  | RunTaskFailed
  | RunPaused
  | RunFinished
  | RunFailed
  | RunCancelled
  | RunCancelRequested;

/** What every event has, whatever its type. */
export interface Envelope {
  readonly type: string;
  readonly event_id: string;
  readonly offset: number | null;
}

/** An event of another type; `rule_id` is that of a rule that was revoked (`REVOKED_TYPE`). */
export type OtherEvent = Envelope & { readonly rule_id?: unknown };

/** What is wrong with one field of an answer or an event, by its path: `values.amount`. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/** A refusal, from an HTTP body or an `error` frame. */
export interface Refusal {
  readonly status: number;
  readonly error: string;
  readonly message: string;
  readonly winner: AnsweredBy | null;
  readonly answered_at: string | null;
  readonly event: ClosingEvent | null;
  /** Field by field, when the answer itself was wrong (422). */
  readonly errors: readonly FieldError[];
}

export interface ErrorFrame extends Refusal {
  readonly type: "error";
  readonly ref: string | null;
}

export type Control = Heartbeat | Gap | Ack | ErrorFrame;

export type Decoded =
  | { readonly kind: "event"; readonly event: RequestEvent }
  | { readonly kind: "run"; readonly event: RunEvent }
  | { readonly kind: "unknown"; readonly event: OtherEvent }
  | { readonly kind: "control"; readonly frame: Control }
  | { readonly kind: "invalid"; readonly reason: string };

type Definition = keyof typeof DEFS;

/** The event types of the protocol and the definition that each must fit. */
const EVENT_DEFS = definitionsOf(EVENT_TYPES);

/** The same for the events of runs, which a server need not know. */
const RUN_DEFS = definitionsOf(RUN_TYPES);

function definitionsOf(types: readonly string[]): ReadonlyMap<string, Definition> {
  return new Map(
    Object.entries(DEFS).flatMap(([name, schema]) => {
      const type: string = "type" in schema.properties ? schema.properties.type.enum[0] : "";
      return types.includes(type) ? [[type, name as Definition] as const] : [];
    }),
  );
}

/** Decode one frame of a stream. */
export function decodeFrame(raw: unknown): Decoded {
  if (!isObject(raw) || typeof raw.type !== "string") return invalid("not an object with a type");
  switch (raw.type) {
    case "heartbeat":
      return control<Heartbeat>("Heartbeat", raw);
    case "gap":
      return control<Gap>("Gap", raw);
    case "ack":
      return control<Ack>("Ack", raw);
    case "error":
      return { kind: "control", frame: errorFrame(raw) };
    default:
      return decodeEvent(raw, raw.type);
  }
}

/** Decode text as `decodeFrame` does; text that is not JSON is invalid, not an exception. */
export function decodeText(text: string): Decoded {
  try {
    return decodeFrame(JSON.parse(text));
  } catch (error) {
    return invalid(String(error));
  }
}

/** Decode an event that opens a request, or null. */
export function decodeRequired(raw: unknown): Asked | null {
  const decoded = decodeFrame(raw);
  if (decoded.kind !== "event" || decoded.event.type !== "human_input_required") return null;
  return decoded.event;
}

/** Decode an event that begins a run, or null. */
export function decodeRunStarted(raw: unknown): RunStarted | null {
  const decoded = decodeFrame(raw);
  return decoded.kind === "run" && decoded.event.type === "run_started" ? decoded.event : null;
}

/** Decode an event that closes a request, or null. */
export function decodeClosing(raw: unknown): ClosingEvent | null {
  const decoded = decodeFrame(raw);
  return decoded.kind === "event" && isClosing(decoded.event) ? decoded.event : null;
}

/** Decode who answered or claimed, or null. */
export function decodePerson(raw: unknown): AnsweredBy | null {
  const person = conform(DEFS.AnsweredBy, raw);
  return person === MISFIT ? null : (person as AnsweredBy);
}

/** Decode an error's body; of a body that is not our server's only the status is kept. */
export function decodeRefusal(status: number, raw: unknown): Refusal {
  const body = isObject(raw) ? raw : {};
  return {
    status,
    error: typeof body.error === "string" ? body.error : "error",
    message: typeof body.message === "string" ? body.message : `The server answered ${status}.`,
    winner: decodePerson(body.winner),
    answered_at: typeof body.answered_at === "string" ? body.answered_at : null,
    event: decodeClosing(body.event),
    errors: Array.isArray(body.errors) ? body.errors.flatMap(fieldError) : [],
  };
}

function fieldError(raw: unknown): FieldError[] {
  if (!isObject(raw) || typeof raw.field !== "string" || typeof raw.message !== "string") return [];
  return [{ field: raw.field, message: raw.message }];
}

export function isClosing(event: RequestEvent): event is ClosingEvent {
  return (CLOSING_TYPES as readonly string[]).includes(event.type);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decodeEvent(raw: Record<string, unknown>, type: string): Decoded {
  const name = EVENT_DEFS.get(type);
  if (name === undefined) {
    const run = conformRun(raw, type);
    if (run !== null) return { kind: "run", event: run };
    if (typeof raw.event_id !== "string") return invalid("an event without an event_id");
    const offset = typeof raw.offset === "number" ? raw.offset : null;
    return {
      kind: "unknown",
      event: { type, event_id: raw.event_id, offset, rule_id: raw.rule_id },
    };
  }
  const event = conform(DEFS[name], raw);
  return event === MISFIT
    ? invalid(`not a ${type}`)
    : { kind: "event", event: { ...(event as RequestEvent), ...briefOf(raw) } };
}

/** `brief` is set by the server and is not a field of a question. */
function briefOf(raw: Record<string, unknown>): { brief?: true } {
  return raw.type === OPENING_TYPE && raw.brief === true ? { brief: true } : {};
}

/** A run's event, or null: one that does not fit counts as an unknown event. */
function conformRun(raw: Record<string, unknown>, type: string): RunEvent | null {
  const name = RUN_DEFS.get(type);
  const event = name === undefined ? MISFIT : conform(DEFS[name], raw);
  return event === MISFIT ? null : (event as RunEvent);
}

function control<T extends Control>(name: Definition, raw: unknown): Decoded {
  const frame = conform(DEFS[name], raw);
  return frame === MISFIT ? invalid(`not a ${name}`) : { kind: "control", frame: frame as T };
}

function errorFrame(raw: Record<string, unknown>): ErrorFrame {
  const status = typeof raw.status === "number" ? raw.status : 500;
  const ref = typeof raw.ref === "string" ? raw.ref : null;
  return { type: "error", ref, ...decodeRefusal(status, raw) };
}

function invalid(reason: string): Decoded {
  return { kind: "invalid", reason };
}

/** The subset of JSON Schema that the generator leaves in `DEFS`. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly default?: unknown;
}

const MISFIT = Symbol("misfit");

/** Return the value with its defaults filled and unknown fields dropped, or MISFIT. */
function conform(schema: Schema, value: unknown): unknown {
  if (schema.$ref !== undefined) return conform(referred(schema.$ref), value);
  if (schema.enum !== undefined) return schema.enum.includes(value) ? value : MISFIT;
  if (schema.anyOf !== undefined) {
    for (const option of schema.anyOf) {
      const fitted = conform(option, value);
      if (fitted !== MISFIT) return fitted;
    }
    return MISFIT;
  }
  switch (schema.type) {
    case undefined:
      return value;
    case "object":
      return conformObject(schema, value);
    case "array":
      return conformArray(schema, value);
    case "null":
      return value === null ? value : MISFIT;
    case "integer":
      return Number.isInteger(value) ? value : MISFIT;
    default: // string, number, boolean: JavaScript's own names
      return typeof value === schema.type ? value : MISFIT;
  }
}

function conformObject(schema: Schema, value: unknown): unknown {
  if (!isObject(value)) return MISFIT;
  if (schema.properties === undefined) return conformEntries(schema.additionalProperties, value);
  const result: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(schema.properties)) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    if (given === undefined && schema.required?.includes(name)) return MISFIT;
    if (given === undefined && part.default === undefined) continue; // it may be left out
    const fitted = conform(part, given === undefined ? part.default : given);
    if (fitted === MISFIT) return MISFIT;
    result[name] = fitted;
  }
  return result;
}

function conformEntries(part: Schema | boolean | undefined, value: object): unknown {
  if (typeof part !== "object") return value;
  const entries = Object.entries(value).map(([name, item]) => [name, conform(part, item)] as const);
  return entries.some(([, item]) => item === MISFIT) ? MISFIT : Object.fromEntries(entries);
}

function conformArray(schema: Schema, value: unknown): unknown {
  if (!Array.isArray(value)) return MISFIT;
  const part = schema.items;
  if (part === undefined) return value;
  const items = value.map((item) => conform(part, item));
  return items.includes(MISFIT) ? MISFIT : items;
}

function referred(ref: string): Schema {
  return DEFS[ref.slice("#/$defs/".length) as Definition];
}
