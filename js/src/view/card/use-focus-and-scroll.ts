/**
 * What stays when a card closes under somebody: the keyboard and the place on the page.
 *
 * The person may be typing at that moment, or about to press a key of the card, and the card
 * shrinks to a line. So the host page hears no key until the focus has left the card, and a card
 * that was in sight stays in sight. Above it is `card.tsx`.
 */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";

/** Return the card's root, and what it tells its host page. */
export function useFocusAndScroll(open: boolean) {
  const root = useFocusKept();
  useKeptInSight(root, open);
  return [root, useKeysKept(root, open)] as const;
}

/**
 * Keep the host page's shortcuts away from the card.
 *
 * While it is open, as it has keys of its own (Ctrl+Enter, a, x), and then until the focus is
 * elsewhere: what is typed after somebody else has answered would cut the cell that asks, or run
 * it again.
 */
function useKeysKept(root: RefObject<HTMLElement | null>, open: boolean) {
  const [kept, keep] = useState(open);
  const [, look] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const element = root.current;
    const inside = element?.contains(element.ownerDocument.activeElement) === true;
    keep((before) => open || (before && inside));
  });
  return {
    "data-lm-suppress-shortcuts": open || kept ? "true" : undefined, // JupyterLab's sign
    onFocusOut: () => look(0),
  };
}

/** Keep the card in sight when it closes while somebody looks at it. */
function useKeptInSight(root: RefObject<HTMLElement | null>, open: boolean): void {
  const was = useRef({ open, inSight: false });
  const card = root.current;
  if (card !== null && was.current.open) was.current.inSight = isInSight(card);
  useLayoutEffect(() => {
    const closed = was.current.open && !open;
    was.current.open = open;
    const element = root.current;
    if (!closed || element === null || !was.current.inSight) return;
    const stay = () => {
      if (!isInSight(element)) element.scrollIntoView?.({ block: "nearest" });
    };
    stay();
    // The host page lays its cells out anew when it has seen the card's new height.
    const page = element.ownerDocument.defaultView;
    if (page?.ResizeObserver === undefined) return;
    const observer = new page.ResizeObserver(stay);
    observer.observe(element);
    const leave = () => observer.disconnect();
    const acts = ["wheel", "pointerdown", "keydown"] as const; // from then on they scroll
    for (const act of acts) page.addEventListener(act, leave, { once: true, capture: true });
    return () => {
      leave();
      for (const act of acts) page.removeEventListener(act, leave, { capture: true });
    };
  }, [open, root]);
}

/** Whether any of it shows in the window and in what scrolls around it. */
function isInSight(element: HTMLElement): boolean {
  const { top, bottom } = element.getBoundingClientRect();
  const view = element.ownerDocument.defaultView;
  let [first, last] = [0, view?.innerHeight ?? 0];
  for (let around = element.parentElement; around !== null; around = around.parentElement) {
    if (around.scrollHeight <= around.clientHeight || around.clientHeight === 0) continue;
    const box = around.getBoundingClientRect();
    [first, last] = [Math.max(first, box.top), Math.min(last, box.bottom)];
  }
  return bottom > first && top < last;
}

/**
 * When what had the focus goes or is switched off, keep the focus in the card, for those
 * without a mouse. A part that goes to a place of its own does that before (effects of
 * children come first).
 */
function useFocusKept(): RefObject<HTMLElement | null> {
  const root = useRef<HTMLElement>(null);
  const page = root.current?.ownerDocument;
  const had = root.current?.contains(page?.activeElement ?? null) ?? false;
  useLayoutEffect(() => {
    const active = page?.activeElement ?? null;
    const lost = active === page?.body || active === null || active.matches(":disabled");
    if (had && lost) root.current?.focus({ preventScroll: true });
  });
  return root;
}
