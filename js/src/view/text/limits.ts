/**
 * Limits on the cost of showing a text. Pure.
 *
 * Any publisher can write text that everybody's page draws, so nothing here assumes a reasonable
 * text. Beyond these limits a text is shown plain or in parts, and the page says so.
 */

/** Markdown up to this length is formatted at once: no text of this length takes long. */
export const AT_ONCE_CHARS = 1000;

/** On a page without a worker, Markdown up to this length is formatted at once as well. */
export const UNAIDED_CHARS = 8000;

/** How long a worker may format one text. */
export const FORMAT_MS = 2000;

/** Characters of a plain text shown at first. */
export const PLAIN_CHARS = 20_000;

/** Characters drawn of a text that has no button for more: a name, a label. */
export const DRAWN_CHARS = 20_000;

/** Characters of an answer or another short text shown at first. */
export const SHORT_CHARS = 4000;

/** Entries of a list shown at first. */
export const LIST_ITEMS = 100;

/** Choices in one form's lists that are drawn before a list gets the focus. */
export const DRAWN_CHOICES = 2000;

/** Formulas of one text that are drawn, their size, and their elements in total. */
export const FORMULAS = 200;
export const FORMULA_CHARS = 2000;
export const FORMULA_DEPTH = 60;
export const FORMULA_ELEMENTS = 10_000;

/** Characters of JSON in one text that are drawn as trees. */
export const JSON_CHARS = 60_000;

const HTML_CHARS = 400_000;
const ELEMENTS = 5000;
const DEPTH = 64;

/** Characters of one tag; a parser compares each attribute with those before it. */
const TAG_CHARS = 4000;

const TAG = /<(\/?)([a-z][a-z0-9-]*)/gi;
const ALONE = new Set("br col hr img input link meta wbr".split(" "));

/** Whether a browser builds this HTML or MathML fast: few elements, not deeply nested. */
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

/** More than eight marks on one letter: no script needs them, and layout takes n² time. */
const MARKS = /([\p{M}\p{Cf}]{8})[\p{M}\p{Cf}]+/gu;

/**
 * A run of this many letters of a script without spaces (Unicode's line break class SA). Browsers look
 * up words in a dictionary to find line breaks, which takes n² time for a run of n letters.
 */
const RUN = 500;
const UNSPACED =
  /([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf]{500})(?=\p{L})/gu;

/**
 * Return the text in a form that lays out fast: excess marks on one letter become "…", and a very
 * long run without spaces gets places where a line may end.
 */
export function tamed(text: string): string {
  return text.length <= 8 ? text : text.replace(MARKS, "$1…").replace(UNSPACED, "$1\u200b");
}

/** Return a function that tames consecutive pieces of text as if they were one text. */
export function taming(): (text: string) => string {
  let before = "";
  return (text) => {
    const both = tamed(before + text);
    const own = both.slice(before.length);
    before = both.slice(-RUN);
    return own;
  };
}

/** Whether a browser would take long to lay out the unchanged text in an input. */
export function isHeavy(text: string): boolean {
  return text.length > DRAWN_CHARS || tamed(text) !== text;
}

/** Return the first part of a text, without splitting a surrogate pair. */
export function firstPart(text: string, chars: number): string {
  if (text.length <= chars) return text;
  const last = text.charCodeAt(chars - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? chars - 1 : chars);
}
