/** The texts of cards and lists: who asks, who answered, when, and why a request ended. */

import type { LinkState, Transport } from "../client/resume";
import { type ClosingEvent, isObject } from "../protocol/decode";
import type {
  AnsweredBy,
  HumanInputCancelled,
  HumanInputCompleted,
  HumanInputRequired,
  SURFACES as NAMES,
} from "../protocol/gen";
import type { RuleScope } from "../protocol/rules";
import { oneLine } from "./text/unseen";

const SURFACES: Readonly<Record<(typeof NAMES)[number], string>> = {
  api: "the API",
  card: "the notebook",
  cli: "the command line",
  console: "the console",
  default: "the default answer",
  inbox: "the inbox",
  lab: "JupyterLab",
  page: "a web page",
  panel: "the JupyterLab panel",
  resume: "the resume endpoint",
  rule: "a rule",
  widget: "the notebook",
};

const CANCELLED: Readonly<Record<HumanInputCancelled["reason"], string>> = {
  interrupted: "the run was interrupted",
  run_failed: "the run failed",
  source_lost: "the kernel that asked has stopped",
  withdrawn: "the question was withdrawn",
};

const TRANSPORTS: Readonly<Record<Transport, string>> = {
  websocket: "WebSocket",
  sse: "Server-Sent Events",
  poll: "long-poll",
  comm: "the kernel",
};

/** A name around a question, and what it is the name of; "" for a notebook's file. */
export interface Around {
  readonly what: "crew" | "flow" | "task" | "step" | "for" | "";
  readonly name: string;
}

/** Return the name of who asks: an agent, or else the nearest thing that has a name. */
export function asker({ source }: HumanInputRequired): string {
  const names = [source.agent_role, source.crew_name, source.flow_name, source.task_name];
  return [...names, fileOf(source.notebook)].flatMap(trimmed)[0] ?? "A crew";
}

/** Return where a question belongs and for whom it is, without what its asker or `title` says. */
export function aroundAsker(required: HumanInputRequired, title = ""): readonly Around[] {
  const { source, assignee } = required;
  const who = asker(required);
  const around: readonly (readonly [Around["what"], string | null | undefined])[] = [
    ["crew", source.crew_name],
    ["flow", source.flow_name],
    [source.flow_name === null ? "task" : "step", source.task_name],
    ["", fileOf(source.notebook)],
    ["for", assignee],
  ];
  return around.flatMap(([what, given]) =>
    trimmed(given)
      .filter((name) => what === "for" || (name !== who && !says(title, name)))
      .map((name) => ({ what, name })),
  );
}

/** Return these as one text: "Writer · crew Newsroom · task note". */
export function askerWords(required: HumanInputRequired, title = ""): string {
  const around = aroundAsker(required, title).map(({ what, name }) => `${what} ${name}`.trim());
  return [asker(required), ...around].join(" · ");
}

/** Whether a title is made of a name: all of it, or its beginning. */
function says(title: string, name: string): boolean {
  const [one, other] = [title, name].map((text) => text.toLowerCase().replace(/[\s_.…-]+/g, " "));
  return one !== "" && other?.startsWith(one?.trim() ?? "") === true;
}

/** Return a file's name; a kernel may know only the full path. */
function fileOf(path: string | null): string | undefined {
  return path?.split(/[/\\]/).at(-1);
}

function trimmed(text: string | null | undefined): string[] {
  const words = oneLine(text ?? "");
  return words === "" ? [] : [words];
}

/** The flag that the kernel half sets for every question of a kind (`questions/question.py`). */
const USUAL: Readonly<Record<HumanInputRequired["kind"], string>> = {
  task_feedback: "review",
  training_feedback: "training",
  flow_feedback: "review",
  question: "clarification",
  tool_approval: "approval",
  llm_approval: "approval",
};

/** Return the reasons for asking, as text, without the one that its kind says already. */
export function reasons({ kind, reason_flags }: HumanInputRequired): string[] {
  return Object.entries(reason_flags)
    .filter(([flag, holds]) => holds && flag !== USUAL[kind])
    .map(([flag]) => flag.replaceAll("_", " "));
}

export function person(by: AnsweredBy): string {
  return `${oneLine(by.name)}, via ${surface(by)}`;
}

/** Return where a person answered. */
export function surface({ via }: AnsweredBy): string {
  const words: Readonly<Record<string, string>> = SURFACES;
  return words[via] ?? via;
}

/** Return what happens when the deadline passes. */
export function atExpiry({ response }: HumanInputRequired): string {
  switch (response.on_expiry) {
    case "wait":
      return "then it keeps waiting";
    case "fail":
      return "then it expires";
    case "default":
      return `then it is answered with ${said(response.default)}`;
  }
}

/** Whether a person approved or answered, rather than rejected or never answered. */
export function wentOn(event: ClosingEvent): boolean {
  return event.type === "human_input_completed" && event.decision !== "reject";
}

/** Return the outcome of a request as a heading, in the words of its kind. */
export function verdict(event: ClosingEvent, kind: HumanInputRequired["kind"]): string {
  switch (event.type) {
    case "human_input_completed":
      return completed(event, kind);
    case "human_input_cancelled":
      return `Cancelled: ${CANCELLED[event.reason]}`;
    case "human_input_expired":
      return "Expired: nobody answered in time";
  }
}

export function connection(state: LinkState): { label: string; title: string } {
  const by = TRANSPORTS[state.transport];
  switch (state.phase) {
    case "live":
      return { label: "Live", title: `Connected via ${by}` };
    case "connecting":
      return { label: "Connecting…", title: `Trying ${by}` };
    case "reconnecting":
      return { label: "Reconnecting…", title: `The connection was lost; trying ${by}` };
    case "offline":
      return state.forbidden
        ? { label: "No access", title: "The server refused your login; log in again" }
        : { label: "Offline", title: "The server cannot be reached; trying again" };
  }
}

/**
 * Return "just now", "5 min ago" or "2 days ago" for a past time. A time in the future comes from a
 * clock that differs, so it counts as just now.
 */
export function relative(iso: string, now: Date): string {
  const seconds = (now.getTime() - Date.parse(iso)) / 1000;
  if (Number.isNaN(seconds)) return "";
  return seconds < 45 ? "just now" : `${span(seconds)} ago`;
}

/** Return the time of day, with the date unless it is today. */
export function clockTime(iso: string, now: Date): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return "";
  const clock = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return time.toDateString() === now.toDateString()
    ? clock
    : `${time.toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" })}, ${clock}`;
}

function completed(
  { decision, options, values }: HumanInputCompleted,
  kind: HumanInputRequired["kind"],
): string {
  const permission = kind === "tool_approval" || kind === "llm_approval";
  switch (decision) {
    case "approve":
      return permission ? "Allowed" : "Accepted";
    case "edit":
      return permission ? "Allowed with changes" : "Accepted with edits";
    case "reject":
      if (kind === "question") return "Declined";
      return permission ? "Refused" : "Rejected";
    default:
      return kind === "question" || options !== null || values !== null
        ? "Answered"
        : "Feedback sent";
  }
}

/** Return a default answer as text: its words, its options, or else its JSON. */
function said(answer: unknown): string {
  const parts = isObject(answer)
    ? [answer.option, answer.options, answer.human_feedback, answer.decision]
    : [answer];
  const words = parts.find((part) => part != null && part !== "");
  if (Array.isArray(words)) return `“${words.join(", ")}”`;
  return typeof words === "string" ? `“${words}”` : JSON.stringify(answer);
}

function span(seconds: number): string {
  if (seconds < 3570) return `${Math.max(1, Math.round(seconds / 60))} min`;
  if (seconds < 84_600) return `${Math.round(seconds / 3600)} h`;
  const days = Math.round(seconds / 86_400);
  return days === 1 ? "1 day" : `${days} days`;
}

/** How far a rule reaches. */
export const RULE_WORDS: Readonly<Record<RuleScope, string>> = {
  run: "for the rest of this run",
  arguments: "with these arguments, for the rest of this run",
  notebook: "for this agent in this notebook",
};
