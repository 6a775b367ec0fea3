/** Characters that nobody sees and that change what is seen around them. Pure. */

/** Control characters, separators of lines, and marks that change the direction of text. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/gu;

/** Return a text on one line without these; the marks that join letters and emoji stay. */
export function oneLine(text: string): string {
  return text.replace(UNSEEN, " ").replace(/\s+/g, " ").trim();
}
