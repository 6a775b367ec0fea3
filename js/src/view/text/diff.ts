/**
 * The difference between two texts, word by word. Pure.
 *
 * The browser's own segmenter finds the words, also in Chinese and Thai. `changes.tsx` draws the
 * difference.
 */
import { diffArrays } from "diff";

export interface Part {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
}

/** Most edits to search for (some 50 ms); with more, the whole text counts as changed. */
const MOST_EDITS = 700;

/** Texts with more than this between their common ends are not compared word by word. */
const MOST_CHARS = 40_000;

/** Characters of unchanged text shown beside a change. */
const AROUND = 120;

/** Return the difference as parts, in order. */
export function wordDiff(before: string, after: string): readonly Part[] {
  // Typing changes one place, so only the words between the common ends are compared.
  const start = commonStart(before, after);
  const end = commonEnd(before.slice(start), after.slice(start));
  const changed = compare(
    before.slice(start, before.length - end),
    after.slice(start, after.length - end),
  );
  return joined([
    ...part("same", before.slice(0, start)),
    ...changed,
    ...part("same", before.slice(before.length - end)),
  ]);
}

function compare(before: string, after: string): readonly Part[] {
  if (before.length + after.length > MOST_CHARS) {
    return [...part("removed", before), ...part("added", after)];
  }
  const found = diffArrays(words(before), words(after), { maxEditLength: MOST_EDITS });
  if (found === undefined) return [...part("removed", before), ...part("added", after)];
  const result: Part[] = [];
  let removed = "";
  let added = "";
  const flush = () => {
    result.push(...part("removed", removed), ...part("added", added));
    removed = "";
    added = "";
  };
  found.forEach((change, at) => {
    const text = change.value.join("");
    if (change.removed) removed += text;
    else if (change.added) added += text;
    else if (removed + added !== "" && at < found.length - 1 && isGlue(text)) {
      removed += text;
      added += text;
    } else {
      flush();
      result.push(...part("same", text));
    }
  });
  flush();
  return result;
}

/** Return how similar two texts are: the unchanged share of the longer one, from 0 to 1. */
export function likeness(diff: readonly Part[]): number {
  const length = { same: 0, added: 0, removed: 0 };
  for (const { kind, text } of diff) length[kind] += text.length;
  const longer = length.same + Math.max(length.added, length.removed);
  return longer === 0 ? 1 : length.same / longer;
}

/** Shorten unchanged parts to the text beside a change. */
export function shortened(diff: readonly Part[]): readonly Part[] {
  return diff.map((part, at) => {
    if (part.kind !== "same" || part.text.length <= 3 * AROUND) return part;
    const start = at === 0 ? "" : cutAtWord(part.text.slice(0, AROUND), "end");
    const end = at === diff.length - 1 ? "" : cutAtWord(part.text.slice(-AROUND), "start");
    return { kind: "same", text: `${start} … ${end}` };
  });
}

/** Whether a space between two changed words joins them: "old words" → "new text" is one change. */
function isGlue(text: string): boolean {
  return text.length <= 2 && text.trim() === "" && !text.includes("\n");
}

function joined(parts: readonly Part[]): readonly Part[] {
  const result: Part[] = [];
  for (const { kind, text } of parts) {
    const last = result.at(-1);
    if (last?.kind === kind) result[result.length - 1] = { kind, text: last.text + text };
    else result.push({ kind, text });
  }
  return result;
}

function part(kind: Part["kind"], text: string): readonly Part[] {
  return text === "" ? [] : [{ kind, text }];
}

/** Return the length of the common start, up to its last space. */
function commonStart(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let at = 0;
  while (at < most && one[at] === other[at]) at++;
  if (at === one.length && at === other.length) return at;
  while (at > 0 && !/\s/.test(one[at - 1] ?? "")) at--;
  return at;
}

function commonEnd(one: string, other: string): number {
  const most = Math.min(one.length, other.length);
  let at = 0;
  while (at < most && one.at(-1 - at) === other.at(-1 - at)) at++;
  while (at > 0 && !/\s/.test(one.at(-at) ?? "")) at--;
  return at;
}

function words(text: string): string[] {
  if (typeof Intl.Segmenter !== "function") return text.match(/[\p{L}\p{N}_]+|\s+|./gu) ?? [];
  const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

function cutAtWord(text: string, side: "start" | "end"): string {
  return side === "end" ? text.replace(/\s\S*$/, "") : text.replace(/^\S*\s/, "");
}
