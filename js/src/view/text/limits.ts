/**
 * What a text may cost to show. Pure.
 *
 * Whoever may publish writes what everybody's page draws, so nothing here depends on a text being
 * reasonable. Beyond these bounds it is shown plain, or in parts, and always said so.
 */

/** A Markdown text up to here is formatted at once: no text of this length takes long. */
export const AT_ONCE_CHARS = 1000;

/** Where the page has no worker, a text up to here is formatted at once as well. */
export const UNAIDED_CHARS = 8000;

/** How long a worker may format one text. */
export const FORMAT_MS = 2000;

/** Characters of a plain text that are shown at first, and more at each click. */
export const PLAIN_CHARS = 20_000;

/** Characters of one text that are drawn where nothing offers more: a name, a label. */
export const DRAWN_CHARS = 20_000;

/** Characters of a prompt, an answer or another short text that are shown at first. */
export const SHORT_CHARS = 4000;

/** Entries of a list that are shown at first. */
export const LIST_ITEMS = 100;

/** Choices in the lists of one form that are drawn before anybody turns to one. */
export const DRAWN_CHOICES = 2000;

/** Formulas of one text that are drawn, and the elements that they may come to. */
export const FORMULAS = 200;
export const FORMULA_CHARS = 2000;
export const FORMULA_DEPTH = 60;
export const FORMULA_ELEMENTS = 10_000;

/** JSON of one text that is drawn as trees. */
export const JSON_CHARS = 60_000;

const HTML_CHARS = 400_000;
const ELEMENTS = 5000;
const DEPTH = 64;

/** One element's own text; a parser compares each attribute with those before it. */
const TAG_CHARS = 4000;

const TAG = /<(\/?)([a-z][a-z0-9-]*)/gi;
const ALONE = new Set("br col hr img input link meta wbr".split(" "));

/** Whether a browser builds this HTML, or MathML, fast: few elements, and not one in another. */
export function isModest(html: string, elements = ELEMENTS, depth = DEPTH): boolean {
  if (html.length > HTML_CHARS) return false;
  let count = 0;
  let open = 0;
  for (const { 1: closing, 2: name, index } of html.matchAll(TAG)) {
    if (closing !== "") {
      open = Math.max(0, open - 1);
      continue;
    }
    if (!ALONE.has(name?.toLowerCase() ?? "")) open++;
    if (++count > elements || open > depth) return false;
    const end = html.indexOf(">", index);
    if (end - index > TAG_CHARS) return false;
    if (end < 0) return html.length - index <= TAG_CHARS;
  }
  return true;
}

/** Marks that stand on one letter: no script needs more, and browsers lay out a run of n in n². */
const MARKS = /([\p{M}\p{Cf}]{8})[\p{M}\p{Cf}]+/gu;

/**
 * Letters of scripts without spaces between words (Unicode's line break class SA), so many in a run.
 * Browsers look their words up in a dictionary to find where a line may end: a run of n in n².
 */
const RUN = 500;
const UNSPACED =
  /([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf]{500})(?=\p{L})/gu;

/**
 * Return the text as it can be laid out: marks that pile up on one letter are cut off, with "…" in
 * their place, and a line may end within a very long run without spaces.
 */
export function tamed(text: string): string {
  return text.length <= 8 ? text : text.replace(MARKS, "$1…").replace(UNSPACED, "$1\u200b");
}

/** Return what does the same to texts that stand one behind the other, as if they were one. */
export function taming(): (text: string) => string {
  let before = "";
  return (text) => {
    const both = tamed(before + text);
    const own = both.slice(before.length);
    before = both.slice(-RUN);
    return own;
  };
}

/** Whether a browser takes long to lay a text out where it can be edited, whole as it is. */
export function isHeavy(text: string): boolean {
  return text.length > DRAWN_CHARS || tamed(text) !== text;
}

/** Return the first part of a text, without half a character at its end. */
export function firstPart(text: string, chars: number): string {
  if (text.length <= chars) return text;
  const last = text.charCodeAt(chars - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? chars - 1 : chars);
}
