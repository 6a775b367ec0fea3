/**
 * One decision for several requests of the same kind: which, what can be decided, sending it.
 *
 * Each request is answered separately and has its own outcome; a refusal of one changes nothing
 * for the others. Answers that need typing or editing cannot be given in bulk.
 */
import type { Answer, Outcome, Timing } from "../client/answers";
import type { Asked } from "../protocol/decode";
import type { HumanInputRequired } from "../protocol/gen";
import { asksPermission, type Request } from "../protocol/state";

/** The decision for each of them. */
export type Verdict =
  | { readonly decision: "approve" }
  | { readonly decision: "reject"; readonly reason: string }
  | { readonly decision: "respond"; readonly option: string };

export type Send = (requestId: string, answer: Answer, timing: Timing) => Promise<Outcome>;

/** Answers that are sent at once: a page must not flood its server. */
const PARALLEL = 4;

/** Return a text that is the same for requests that take the same answers. */
export function likeness({ kind, response }: HumanInputRequired): string {
  const { decisions, options, multiple, schema } = response;
  return JSON.stringify([kind, [...decisions].sort(), options, multiple, schema]);
}

/** Whether this request can be decided without reading a form. */
export function isSimple(required: Asked): boolean {
  return !required.brief && verdictsOf(required).length > 0;
}

/**
 * Which decisions are possible in bulk, in the order in which a card shows them; a rejection's
 * reason is still empty.
 */
export function verdictsOf(required: HumanInputRequired): readonly Verdict[] {
  const { decisions, options, schema } = required.response;
  const verdicts: Verdict[] = [];
  if (decisions.includes("approve")) verdicts.push({ decision: "approve" });
  if (decisions.includes("respond") && schema === null) {
    for (const option of options ?? []) verdicts.push({ decision: "respond", option });
  }
  const rejects: Verdict[] = decisions.includes("reject")
    ? [{ decision: "reject", reason: "" }]
    : [];
  return asksPermission(required) ? [...rejects, ...verdicts] : [...verdicts, ...rejects];
}

/**
 * Return the pending requests that take the same answers as this one, including it.
 *
 * Brief requests are left out: nobody can have read them here.
 */
export function alike(requests: readonly Request[], one: HumanInputRequired): readonly Request[] {
  const wanted = likeness(one);
  return requests.filter(
    ({ status, required }) =>
      status === "pending" && !required.brief && likeness(required) === wanted,
  );
}

export function answerOf(verdict: Verdict, via: string): Answer {
  switch (verdict.decision) {
    case "approve":
      return { human_feedback: "", decision: "approve", options: null, via };
    case "reject":
      return { human_feedback: verdict.reason.trim(), decision: "reject", options: null, via };
    case "respond":
      return {
        human_feedback: verdict.option,
        decision: "respond",
        options: [verdict.option],
        via,
      };
  }
}

/**
 * Answer each of them separately; `told` is called with every outcome as it comes.
 *
 * All are decided now, also those that are sent later: an answer that a card gives meanwhile goes
 * before them, and a refusal among them goes before an approval that a card holds.
 */
export async function decideAll(
  ids: readonly string[],
  answer: Answer,
  send: Send,
  told: (requestId: string, outcome: Outcome) => void,
): Promise<void> {
  const timing: Timing = { decidedAt: performance.now(), turn: turns(PARALLEL) };
  await Promise.all(ids.map(async (id) => told(id, await send(id, answer, timing))));
}

/** Return a semaphore: it waits for one of `most` turns, first come, first served. */
function turns(most: number): () => Promise<() => void> {
  const waiting: (() => void)[] = [];
  let free = most;
  const over = () => {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  };
  return async () => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return over;
  };
}
