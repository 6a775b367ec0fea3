/**
 * Separates a question's context from the details of its task. Pure.
 *
 * The kernel half writes what is to be judged first, and below a rule the task's description, its
 * expected output and the agent (`kernel/questions/context.py`). A language model may have written the
 * text to judge, which could imitate such details, and nothing of it may be hidden. So they are only
 * looked for below the exact draft, or below the last rule of a question that the kernel half made
 * and that has such details.
 */
import type { HumanInputRequired } from "../protocol/gen";

export interface ContextParts {
  /** What a person judges: the draft or the call. */
  readonly main: string;
  /** The details of the task, as Markdown; "" when there are none. */
  readonly details: string;
}

/** Kinds whose context ends with these details when the kernel half asks for an agent or a task. */
const DETAILED: ReadonlySet<HumanInputRequired["kind"]> = new Set([
  "task_feedback",
  "training_feedback",
  "tool_approval",
  "llm_approval",
]);

const FIRST = ["**Task**\n\n", "**Expected output**\n\n", "**Agent**\n\n"];

export function partsOf(required: HumanInputRequired): ContextParts {
  const { context } = required;
  const from = startOfRest(required);
  const at = from === -1 ? -1 : startOfDetails(context, from);
  if (at === -1) return { main: context, details: "" };
  const between = context.slice(from, at).replace(/\n*-{3,}\s*$/, "");
  return { main: context.slice(0, from) + between.trimEnd(), details: context.slice(at).trim() };
}

/** Return where what is certainly not under review begins, or -1. */
function startOfRest({ context, draft, kind, source }: HumanInputRequired): number {
  if (draft !== null && draft !== "" && context.startsWith(draft)) return draft.length;
  const detailed = DETAILED.has(kind) && (source.agent_role ?? source.task_name) !== null;
  return detailed && source.pid !== null ? context.lastIndexOf("\n\n---\n\n") : -1;
}

/** Return the task's description in its details, or "". */
export function descriptionIn(details: string): string {
  const [title = ""] = FIRST;
  if (!details.startsWith(title)) return "";
  const text = details.slice(title.length);
  const end = FIRST.map((next) => text.indexOf(`\n\n${next}`)).filter((place) => place >= 0);
  return text.slice(0, Math.min(text.length, ...end));
}

function startOfDetails(context: string, from: number): number {
  for (const title of FIRST) {
    const at = context.lastIndexOf(`\n\n${title}`);
    if (at >= from) return at + 2;
  }
  return -1;
}
