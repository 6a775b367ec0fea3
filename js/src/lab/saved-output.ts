/**
 * A question and its answer as a saved notebook shows them without our code. Pure.
 *
 * The same as `crewai_hitl_nb/widget/saved_output.py`, which has the reasons: this page writes it
 * where the kernel could not. `tests/fixtures/saved_outputs.json` checks both.
 */
import type { ClosingEvent } from "../protocol/decode";
import { fileWords, isFile } from "../protocol/files";
import {
  HIDDEN,
  type HumanInputRequired,
  SAVED_NAME_CHARS,
  SAVED_TEXT_CHARS,
} from "../protocol/gen";
import { FILE } from "../view/text/files";
import { verdict } from "../view/words";

const WHERE =
  "This was saved while the question was open. It can be answered in JupyterLab, in the inbox " +
  "of its server, or with crewai-hitl answer.";

const FILE_LINK = /(?<!!)\[[^\]\n]{1,1000}\]\(attachment:([A-Za-z0-9_-]{1,100})\)/g;

const STYLE = "white-space: pre-wrap; overflow-wrap: anywhere";

/** What is shown, in the order in which it is read. */
interface Saved {
  readonly state: string;
  readonly who: string | null;
  readonly at: string;
  readonly note: string;
  readonly names: readonly (readonly [string, string])[];
  readonly question: string;
  readonly answer: string;
  readonly context: string;
}

/** Return the formats of a question's output, by MIME type; `closing` is null while it is open. */
export function savedOutput(
  required: HumanInputRequired,
  closing: ClosingEvent | null,
): Readonly<Record<string, string>> {
  const by = closing?.type === "human_input_completed" ? closing.answered_by : null;
  const saved: Saved = {
    state: closing === null ? "Waiting for an answer" : verdict(closing, required.kind),
    who: by === null ? null : `${by.name} (${by.via})`,
    at: closing === null ? "" : timeOf(closing.timestamp),
    note: closing === null ? WHERE : "",
    names: namesOf(required),
    question: required.prompt,
    answer: answerOf(closing),
    context: withFileNames(required),
  };
  return {
    "text/html": html(saved),
    "text/markdown": markdown(saved),
    "text/plain": plain(saved),
  };
}

function timeOf(timestamp: string): string {
  return `${new Date(timestamp).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function namesOf({ source }: HumanInputRequired): (readonly [string, string])[] {
  const named: readonly (readonly [string, string | null])[] = [
    ["Agent", source.agent_role],
    ["Crew", source.crew_name],
    ["Flow", source.flow_name],
    [source.flow_name === null ? "Task" : "Step", source.task_name],
    ["Tool", source.tool_name],
  ];
  return named.flatMap(([title, name]) => (name?.trim() ? [[title, name] as const] : []));
}

/** Return the context with the name and size of each file in place of the link to it. */
function withFileNames({ context, attachments }: HumanInputRequired): string {
  return context.replace(FILE_LINK, (link, name: string) => {
    const file = attachments[name]?.[FILE];
    return isFile(file) ? fileWords(file) : link;
  });
}

function inWords(_: string, value: unknown): unknown {
  return isFile(value) ? fileWords(value) : value;
}

function answerOf(closing: ClosingEvent | null): string {
  if (closing?.type === "human_input_cancelled") return closing.message;
  if (closing?.type !== "human_input_completed") return "";
  const { options, values, human_feedback } = closing;
  const chosen = (options ?? []).join(", ");
  const filled =
    values !== null && Object.keys(values).length > 0 ? JSON.stringify(values, inWords) : "";
  const words = human_feedback === chosen ? "" : human_feedback;
  return [chosen, words, filled].filter((part) => part.trim() !== "").join("\n");
}

function html({ state, who, at, note, names, question, answer, context }: Saved): string {
  const code = (text: string) => `<code>${escaped(name(text))}</code>`;
  const block = (text: string) =>
    `<pre dir="auto" style="${STYLE}">${escaped(bounded(text)).replaceAll("\n", "&#10;")}</pre>`;
  const around = names.map(([title, text]) => `${title} ${code(text)}`).join(", ");
  const parts = [joined(`<strong>${state}</strong>`, who && code(who), at), note, around]
    .filter((line) => line !== "")
    .map((line) => `<p>${line}</p>`);
  parts.push("<p><strong>Question</strong></p>", block(question));
  if (answer !== "") parts.push("<p><strong>Answer</strong></p>", block(answer));
  if (context.trim() !== "") {
    parts.push(`<details><summary>Context</summary>${block(context)}</details>`);
  }
  return ["<div>", ...parts, "</div>"].join("\n");
}

function markdown({ state, who, at, note, names, question, answer, context }: Saved): string {
  const code = (text: string) => {
    const shown = name(text);
    const fence = "`".repeat(longestFence(shown) + 1);
    return `${fence} ${shown} ${fence}`;
  };
  const block = (text: string) => {
    const shown = bounded(text);
    const fence = "`".repeat(Math.max(3, longestFence(shown) + 1));
    return `${fence}text\n${shown}\n${fence}`;
  };
  const around = names.map(([title, text]) => `${title} ${code(text)}`).join(", ");
  const parts = [joined(`**${state}**`, who && code(who), at), note, around];
  parts.push("**Question**", block(question));
  if (answer !== "") parts.push("**Answer**", block(answer));
  if (context.trim() !== "") parts.push("**Context**", block(context));
  return parts.filter((part) => part !== "").join("\n\n");
}

function plain({ state, who, at, note, question, answer, context }: Saved): string {
  return [question, context, joined(state, who, at), note, answer]
    .filter((part) => part.trim() !== "")
    .map(bounded)
    .join("\n\n");
}

function joined(state: string, who: string | null, at: string): string {
  return [who ? `${state} by ${who}` : state, at].filter((part) => part !== "").join(", ");
}

function name(text: string): string {
  const shown = [...fewMarks(text.replace(ON_A_LINE, shownCode))];
  const cut = shown.length > SAVED_NAME_CHARS;
  return cut ? `${shown.slice(0, SAVED_NAME_CHARS).join("")}…` : shown.join("");
}

function bounded(text: string): string {
  const start = [...text.slice(0, 2 * SAVED_TEXT_CHARS)].slice(0, SAVED_TEXT_CHARS).join("");
  const shown = visibleLines(start).replace(/\n+$/, "");
  return start.length < text.length ? `${shown}\n… (cut here)` : shown;
}

function visibleLines(text: string): string {
  return fewMarks(text.replaceAll("\r\n", "\n").replace(ON_LINES, shownCode));
}

const SELECTOR = 0xfe0f;
const ON_A_LINE = hiddenBut("");
const ON_LINES = hiddenBut("\t\n");

/** Find what is hidden; the selector of a colour emoji may follow its sign (`escapes.py`). */
function hiddenBut(kept: string): RegExp {
  const allowed = new Set([...kept].map((letter) => letter.codePointAt(0)).concat(SELECTOR));
  const [low, ...others] = HIDDEN;
  const codes = Array.from({ length: low[1] - low[0] + 1 }, (_, index) => low[0] + index);
  const spans = [
    ...codes.filter((code) => !allowed.has(code)).map((code) => [code, code]),
    ...others,
  ];
  const ranges = spans.map(([first = 0, last = 0]) => {
    return `${sign(first)}-${sign(last === SELECTOR ? last - 1 : last)}`;
  });
  return new RegExp(
    `[${ranges.join("")}]|(?<![\\u2190-\\u2bff\\u{1f000}-\\u{1faff}])\\ufe0f`,
    "gu",
  );
}

function sign(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

function shownCode(letter: string): string {
  const code = letter.codePointAt(0) ?? 0;
  const hex = (digits: number) => code.toString(16).padStart(digits, "0");
  if (code < 0x100) return `\\x${hex(2)}`;
  return code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}

function fewMarks(text: string): string {
  return text.replace(/(\p{M}{8})\p{M}+/gu, "$1…");
}

function longestFence(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((fence) => fence.length));
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#x27;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => ESCAPES[letter] ?? "");
}
