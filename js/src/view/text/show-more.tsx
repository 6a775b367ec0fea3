/** Shows the beginning of a long text or list, and a button for more. */
import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";
import { DRAWN_CHARS, firstPart, LIST_ITEMS, SHORT_CHARS } from "./limits";

/** Return the entries to show, and a button for more if there are any. */
export function useSome<T>(
  items: readonly T[],
  what: string,
  most = LIST_ITEMS,
): readonly [readonly T[], ComponentChild] {
  const [shown, setShown] = useState(most);
  const left = items.length - shown;
  if (left <= 0) return [items, null];
  const next = Math.min(left, LIST_ITEMS);
  const words = `Show more ${what} (${left} left)`;
  return [
    items.slice(0, shown),
    <More key="more" words={words} go={() => setShown(shown + next)} />,
  ];
}

/** Return a text in pieces that are short enough to be drawn uncut. */
function pieces(text: string): readonly string[] {
  if (text.length <= DRAWN_CHARS) return [text];
  const piece = firstPart(text, DRAWN_CHARS);
  return [piece, ...pieces(text.slice(piece.length))];
}

interface LongTextProps {
  readonly text: string;
  /** Characters shown at first; each click adds five times as many. */
  readonly most?: number;
}

export function LongText({ text, most = SHORT_CHARS }: LongTextProps) {
  const [chars, setChars] = useState(most);
  const shown = firstPart(text, chars);
  const left = text.length - shown.length;
  const more = `Show more (${left} characters left)`;
  return (
    <>
      {pieces(shown)}
      {left > 0 && "… "}
      {left > 0 && <More words={more} go={() => setChars(chars + 5 * most)} />}
    </>
  );
}

export function More({ words, go }: { readonly words: string; readonly go: () => void }) {
  return (
    <button type="button" class="chitl-more" data-testid="hitl-more" onClick={go}>
      {words}
    </button>
  );
}
