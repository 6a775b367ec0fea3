/**
 * Numbers about what people decided: what passes at once, how long answers take, what is refused
 * and why. Pure; `past-answers.ts` fetches the questions.
 */
import type { Request } from "../protocol/state";

/** What the numbers need of a question that has ended. */
export interface Decided {
  /** When it was asked, in milliseconds. */
  readonly askedAt: number;
  /** Seconds to a person's answer; null if no person answered. */
  readonly seconds: number | null;
  readonly status: Request["status"];
  /** Whether the question as it was first asked passed unchanged; null if it could not pass. */
  readonly passed: boolean | null;
  /** Whether a rule that a person had made gave the answer. */
  readonly byRule: boolean;
  readonly isCall: boolean;
  readonly crew: string;
  readonly agent: string;
  readonly tool: string;
  /** What the person wrote who sent it back or refused it; null if nobody did. */
  readonly refusal: string | null;
}

/** A part of the questions, such as those of one agent. */
export interface Part {
  readonly name: string;
  /** Questions that could pass at once, and those that did. */
  readonly of: number;
  readonly passed: number;
  readonly median: number | null;
  readonly p90: number | null;
}

export interface Refusal {
  /** The words, or "" for a refusal without any. */
  readonly words: string;
  readonly times: number;
  /** Whose drafts or calls they were. */
  readonly whose: readonly string[];
}

export interface Insights {
  readonly total: number;
  readonly answered: number;
  /** How many of them were answered by a rule: no other number counts these. */
  readonly byRules: number;
  readonly cancelled: number;
  readonly expired: number;
  readonly drafts: Part;
  readonly calls: Part;
  readonly median: number | null;
  readonly p90: number | null;
  readonly crews: readonly Part[];
  readonly agents: readonly Part[];
  readonly tools: readonly Part[];
  readonly refusals: readonly Refusal[];
}

/** Characters kept of a name, and of a refusal's words. */
const NAME_CHARS = 100;
const WORDS_CHARS = 500;

const REVIEWS = new Set(["task_feedback", "training_feedback", "flow_feedback"]);
const CALLS = new Set(["tool_approval", "llm_approval"]);

export function decidedFrom({ required, status, completion }: Request): Decided {
  const { kind, source, response, round, timestamp } = required;
  const answer = completion?.type === "human_input_completed" ? completion : null;
  const via = answer?.answered_by?.via;
  const byPerson = answer !== null && via !== "default" && via !== "rule" ? answer : null;
  const isCall = CALLS.has(kind);
  const askedAt = Date.parse(timestamp);
  const canPass = (REVIEWS.has(kind) && response.options === null) || isCall;
  const isFirst = byPerson !== null && canPass && round === 1;
  const sentBack =
    byPerson !== null &&
    canPass &&
    (byPerson.decision === "respond" || byPerson.decision === "reject");
  return {
    askedAt,
    seconds:
      byPerson === null ? null : Math.max(0, (Date.parse(byPerson.timestamp) - askedAt) / 1000),
    status,
    byRule: via === "rule",
    passed: isFirst ? byPerson.decision === "approve" : null,
    isCall,
    crew: start(source.crew_name ?? source.flow_name, NAME_CHARS),
    agent: start(source.agent_role, NAME_CHARS),
    tool: start(source.tool_name, NAME_CHARS),
    refusal: sentBack ? start(byPerson.human_feedback, WORDS_CHARS) : null,
  };
}

/** Return the numbers of the questions that were asked since then. */
export function insights(all: readonly Decided[], since: number): Insights {
  const within = all.filter(({ askedAt }) => askedAt >= since);
  const drafts = within.filter(({ isCall }) => !isCall);
  const calls = within.filter(({ isCall }) => isCall);
  const count = (status: Request["status"]) => within.filter((one) => one.status === status).length;
  return {
    total: within.length,
    answered: count("answered"),
    byRules: within.filter(({ byRule }) => byRule).length,
    cancelled: count("cancelled"),
    expired: count("expired"),
    drafts: part("", drafts),
    calls: part("", calls),
    median: quantile(timesOf(within), 0.5),
    p90: quantile(timesOf(within), 0.9),
    crews: parts(drafts, ({ crew }) => crew),
    agents: parts(drafts, ({ agent }) => agent),
    tools: parts(calls, ({ tool }) => tool),
    refusals: refusalsOf(within),
  };
}

/** Return the value below which this share of the numbers lies, between neighbours as pandas does. */
export function quantile(numbers: readonly number[], share: number): number | null {
  const sorted = [...numbers].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) return null;
  return below + (above - below) * (place - Math.floor(place));
}

function part(name: string, decided: readonly Decided[]): Part {
  const first = decided.filter(({ passed }) => passed !== null);
  return {
    name,
    of: first.length,
    passed: first.filter(({ passed }) => passed).length,
    median: quantile(timesOf(decided), 0.5),
    p90: quantile(timesOf(decided), 0.9),
  };
}

/** Return the parts that have a name and something that could pass, the largest first. */
function parts(decided: readonly Decided[], nameOf: (one: Decided) => string): Part[] {
  const named = new Map<string, Decided[]>();
  for (const one of decided) {
    const name = nameOf(one);
    if (name === "") continue;
    const same = named.get(name);
    if (same === undefined) named.set(name, [one]);
    else same.push(one);
  }
  return [...named]
    .map(([name, same]) => part(name, same))
    .filter(({ of }) => of > 0)
    .sort((a, b) => b.of - a.of || a.name.localeCompare(b.name));
}

/** Return what was sent back or refused: the same words once, the most frequent first. */
function refusalsOf(decided: readonly Decided[]): Refusal[] {
  const said = new Map<string, { words: string; times: number; whose: Set<string> }>();
  for (const { refusal, tool, agent } of decided) {
    if (refusal === null) continue;
    const key = refusal.toLowerCase();
    const same = said.get(key) ?? { words: refusal, times: 0, whose: new Set() };
    same.times++;
    const who = tool || agent;
    if (who !== "") same.whose.add(who);
    said.set(key, same);
  }
  return [...said.values()]
    .map(({ words, times, whose }) => ({ words, times, whose: [...whose].sort() }))
    .sort((a, b) => b.times - a.times);
}

function timesOf(decided: readonly Decided[]): number[] {
  return decided.flatMap(({ seconds }) => (seconds === null ? [] : [seconds]));
}

function start(text: string | null, chars: number): string {
  const words = (text ?? "")
    .slice(0, chars * 2)
    .replace(/\s+/gu, " ")
    .trim();
  const letters = [...words];
  return letters.length > chars ? `${letters.slice(0, chars).join("")}…` : words;
}
