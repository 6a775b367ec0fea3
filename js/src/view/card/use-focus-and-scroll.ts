/**
 * Keeps keyboard focus and scroll position when a card closes while somebody uses it.
 *
 * The person may be typing, or about to press a key of the card, when it shrinks to a line. So no
 * key reaches the host page until the focus has left the card, and a visible card stays visible.
 * Used by `card.tsx`.
 */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";

/** Return the ref of the card's root element and the attributes it needs. */
export function useFocusAndScroll(open: boolean) {
  const root = useFocusInside();
  useStayVisible(root, open);
  return [root, useShortcutsBlocked(root, open)] as const;
}

/**
 * Keep the host page's shortcuts away from the card.
 *
 * While it is open, because it has keys of its own (Ctrl+Enter, a, x), and after that until the
 * focus leaves it: keys typed just after somebody else answered would cut the cell or run it again.
 */
function useShortcutsBlocked(root: RefObject<HTMLElement | null>, open: boolean) {
  const [kept, keep] = useState(open);
  const [, look] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const element = root.current;
    const inside = element?.contains(element.ownerDocument.activeElement) === true;
    keep((before) => open || (before && inside));
  });
  return {
    "data-lm-suppress-shortcuts": open || kept ? "true" : undefined, // JupyterLab's attribute
    onFocusOut: () => look(0),
  };
}

/** Keep a visible card visible when it closes. */
function useStayVisible(root: RefObject<HTMLElement | null>, open: boolean): void {
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
    // The host page lays out its cells again when it notices the card's new height.
    const page = element.ownerDocument.defaultView;
    if (page?.ResizeObserver === undefined) return;
    const observer = new page.ResizeObserver(stay);
    observer.observe(element);
    const leave = () => observer.disconnect();
    const acts = ["wheel", "pointerdown", "keydown"] as const; // after one of these the person scrolls
    for (const act of acts) page.addEventListener(act, leave, { once: true, capture: true });
    return () => {
      leave();
      for (const act of acts) page.removeEventListener(act, leave, { capture: true });
    };
  }, [open, root]);
}

/** Whether any part shows in the window and in every scroll container around it. */
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
 * Keep the focus in the card when the focused element is removed or disabled, for keyboard users. A
 * part that moves the focus itself does so before this (effects of children run first).
 */
function useFocusInside(): RefObject<HTMLElement | null> {
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
