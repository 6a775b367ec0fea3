/**
 * The title of a question: what it is about, in a few plain words. Pure.
 *
 * Cards, lists, announcements and accessible names all use it. A call is named by its tool, and a
 * question by its own words. A review has no such words ("Is this result good?" fits every draft), so
 * it is named by the first of these that says something: a task's name of several words, the
 * draft's heading, the task's description, a step's own question, a one-word name, the draft's first
 * line.
 */
import type { HumanInputRequired } from "../protocol/gen";
import { descriptionIn, partsOf } from "./task-details";
import { firstPart, tamed } from "./text/limits";
import { oneLine } from "./text/unseen";

export interface Title {
  /** Never empty, and never longer than `TITLE_CHARS` and an ellipsis. */
  readonly text: string;
  /** Which draft or round of it this is, or "" for the first. */
  readonly round: string;
  /** What the prompt says beside the title, or null when the title says all of it. */
  readonly rest: string | null;
}

/** Longer titles are cut, between words if possible. */
export const TITLE_CHARS = 90;

/** Characters of a text that are searched for a title: enough for any sentence. */
const READ_CHARS = 1000;

const known = new WeakMap<HumanInputRequired, Title>();

export function titleOf(required: HumanInputRequired): Title {
  const title = known.get(required) ?? made(required);
  known.set(required, title);
  return title;
}

/** Return the title as one text: "A note on foxes, draft 2". */
export function titleWords(required: HumanInputRequired): string {
  const { text, round } = titleOf(required);
  return round === "" ? text : `${text}, ${round}`;
}

function made(required: HumanInputRequired): Title {
  const found = candidates(required).find((words) => words !== "") ?? NAMELESS[required.kind];
  const text = shortened(found);
  return { text, round: roundOf(required), rest: restOf(required, text) };
}

/** Return the prompt without what the title has of it. */
function restOf(required: HumanInputRequired, title: string): string | null {
  const { prompt } = required;
  if (isUsual(required) || isSame(prompt, title)) return null;
  return prompt.startsWith(`${title} `) ? prompt.slice(title.length).trim() : prompt;
}

/** Whether the title is the prompt itself: a prompt is no Markdown, and each sign in it may count. */
function isSame(prompt: string, title: string): boolean {
  return prompt.length <= READ_CHARS && withoutStop(prompt.trim().replace(/\s+/gu, " ")) === title;
}

const NAMELESS: Readonly<Record<HumanInputRequired["kind"], string>> = {
  task_feedback: "A draft to review",
  training_feedback: "A draft to review",
  flow_feedback: "A result to review",
  question: "A question",
  tool_approval: "A tool call",
  llm_approval: "A model call",
};

function candidates(required: HumanInputRequired): readonly string[] {
  const { kind, prompt, source } = required;
  const asked = sentence(prompt, clean);
  const task = name(source.task_name);
  switch (kind) {
    case "tool_approval":
      return [call(required), asked];
    case "llm_approval":
    case "question":
      return [asked, task];
    case "flow_feedback":
      return [headingOf(required), asked, readable(task), firstLine(required)];
    case "task_feedback":
    case "training_feedback": {
      const { details } = partsOf(required);
      const described = sentence(descriptionIn(details));
      const named = task.includes(" ") ? sentence(task) : "";
      const heading = headingOf(required);
      return [named, heading, described, readable(task), asked, firstLine(required)];
    }
  }
}

/** What is asked about a tool: its call, or its result, which cannot be refused. */
function call({ source, response }: HumanInputRequired): string {
  const tool = name(source.tool_name);
  if (tool === "") return "";
  return response.decisions.includes("reject")
    ? `Allow ${shortened(tool)}?`
    : `Accept the result of ${shortened(tool)}?`;
}

/** Whether the prompt is the kernel's own about a call (`kernel/gates/approval.py`). */
function isUsual({ kind, prompt, source }: HumanInputRequired): boolean {
  const who = source.agent_role ?? "the agent";
  return kind === "tool_approval" && prompt === `May ${who} call ${source.tool_name}?`;
}

function roundOf({ kind, round }: HumanInputRequired): string {
  if (round <= 1) return "";
  return `${kind === "task_feedback" || kind === "training_feedback" ? "draft" : "round"} ${round}`;
}

/** Return the heading that a draft begins with, or "". */
function headingOf(required: HumanInputRequired): string {
  const line = textUnderReview(required).trimStart().split("\n", 1)[0] ?? "";
  return /^#{1,6}\s/.test(line) ? plain(line) : "";
}

function firstLine(required: HumanInputRequired): string {
  return plain(textUnderReview(required).trimStart().split("\n", 1)[0] ?? "");
}

function textUnderReview(required: HumanInputRequired): string {
  return firstPart(required.draft ?? partsOf(required).main, READ_CHARS);
}

/** Return an identifier as words: "write_report" becomes "Write report". */
function readable(identifier: string): string {
  if (!/^[\w.-]+$/.test(identifier)) return identifier;
  const words = identifier.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A name is not Markdown: its underscores belong to it. */
function name(text: string | null): string {
  return clean(firstPart(text ?? "", READ_CHARS));
}

/** Where a sentence ends. A stop after one or two letters is that of an abbreviation. */
const END = /^.*?(?:(?:(?<=[\p{L}\p{N}\p{P}]{3})\.|[!?…])(?=\s+[\p{Lu}\p{Lo}\p{N}]|$)|[。！？])/u;

/** Return the first sentence of a text, without its full stop. */
function sentence(text: string, read: (text: string) => string = plain): string {
  const paragraph =
    firstPart(text, READ_CHARS)
      .trim()
      .split(/\n\s*\n/, 1)[0] ?? "";
  const words = read(paragraph);
  return withoutStop(END.exec(words)?.[0] ?? words);
}

function withoutStop(words: string): string {
  return words.endsWith("..") ? words : words.replace(/[.。]$/u, "");
}

/** Return a Markdown text without its marks. */
function plain(markdown: string): string {
  const text = markdown
    .replace(/^\s{0,3}(?:#{1,6}|>|[-*+]|\d{1,3}[.)])\s+/gm, "")
    .replace(/\s#+\s*$/gm, "")
    .replace(/!?\[([^\]]*)\]\((?:[^()]|\([^()]*\))*\)/g, "$1")
    .replace(/<\/?[a-z][^>]*>/gi, "")
    .replace(/`+/g, "")
    .replace(/(\*{1,3}|~~)(\S(?:.*?\S)?)\1/g, "$2")
    .replace(/(^|[^\p{L}\p{N}_])(_{1,3})(\S(?:.*?\S)?)\2(?![\p{L}\p{N}_])/gu, "$1$3");
  return clean(text);
}

function clean(text: string): string {
  const words = tamed(oneLine(text));
  return /[\p{L}\p{N}\p{S}]/u.test(words) ? words : ""; // marks alone say nothing
}

function shortened(text: string): string {
  const letters = [...text];
  if (letters.length <= TITLE_CHARS) return text;
  const start = letters.slice(0, TITLE_CHARS).join("");
  const words = start.replace(/\s+\S*$/, "");
  const cut = words.length >= TITLE_CHARS / 2 ? words : start;
  return `${cut.replace(/(?:\s|\p{P}|\u200d|\ufe0f)+$/u, "")}…`;
}
