/**
 * Keeps keyboard focus and scroll position when a card closes while somebody uses it.
 *
 * The person may be typing, or about to press a key of the card, when it shrinks to a line. So the
 * focus stays in the card, whose keys never reach the host page (`card.tsx`), and the card's top edge
 * stays where it was. Used by `card.tsx`.
 */
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

/** Return the ref of the card's root element. */
export function useFocusAndScroll(open: boolean): RefObject<HTMLElement | null> {
  const root = useFocusInside();
  useStayInPlace(root, open);
  return root;
}

/** How long a closed card takes to shrink. */
const EASE_MS = 200;

/** How long its place is kept: JupyterLab lays out its cells again when it notices the new height. */
const KEEP_MS = 1000;

/** What a person saw of a card before it closed. */
interface Place {
  /** The upper edge of the part in sight, and its height, in pixels of the window. */
  readonly top: number;
  readonly height: number;
  /** What scrolls it. */
  readonly scroller: Element | null;
}

/** Keep the top edge of a visible card in its place when it closes, and let it shrink below that. */
function useStayInPlace(root: RefObject<HTMLElement | null>, open: boolean): void {
  const was = useRef(open);
  const card = root.current;
  const place = was.current && !open && card !== null ? placeOf(card) : null; // still as it was
  useLayoutEffect(() => {
    was.current = open;
    const element = root.current;
    return element === null || place === null ? undefined : keepPlace(element, place);
  }, [open, root]);
}

/** Return the place of a card, or null when it is out of sight. */
function placeOf(element: HTMLElement): Place | null {
  const page = element.ownerDocument;
  const { top, bottom } = element.getBoundingClientRect();
  let [first, last] = [0, page.defaultView?.innerHeight ?? 0];
  let scroller = page.scrollingElement;
  for (let around = element.parentElement; around !== null; around = around.parentElement) {
    if (around.scrollHeight <= around.clientHeight || around.clientHeight === 0) continue;
    if (around === page.documentElement || around === page.body) continue;
    const { overflowY } = getComputedStyle(around);
    if (overflowY === "visible") continue;
    const box = around.getBoundingClientRect();
    if (scroller === page.scrollingElement && overflowY !== "hidden") scroller = around;
    [first, last] = [Math.max(first, box.top), Math.min(last, box.bottom)];
  }
  if (bottom <= first || top >= last) return null;
  const edge = Math.max(top, first);
  return { top: edge, height: Math.min(bottom, last) - edge, scroller };
}

/** Keep a closed card in its place until the person acts; call the result to stop. */
function keepPlace(element: HTMLElement, { top, height, scroller }: Place): () => void {
  const page = element.ownerDocument.defaultView;
  const ends = performance.now() + KEEP_MS;
  let frame: number | undefined;
  const keep = () => {
    const off = element.getBoundingClientRect().top - top;
    if (Math.abs(off) >= 1) scroller?.scrollBy({ top: off, behavior: "instant" });
    frame = performance.now() < ends ? page?.requestAnimationFrame(keep) : undefined;
  };
  const stop = () => {
    if (frame !== undefined) page?.cancelAnimationFrame(frame);
    for (const act of ACTS) page?.removeEventListener(act, stop, { capture: true });
  };
  ease(element, height);
  keep();
  for (const act of ACTS) page?.addEventListener(act, stop, { once: true, capture: true });
  return stop;
}

/** After one of these the person scrolls. */
const ACTS = ["wheel", "pointerdown", "keydown"] as const;

/** Let a card shrink from a height to its own, unless the person wants no motion. */
function ease(element: HTMLElement, from: number): void {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const { height } = element.getBoundingClientRect();
  if (still || from <= height) return;
  const sizes = [from, height].map((size) => ({ height: `${size}px`, overflow: "clip" }));
  element.animate(sizes, { duration: EASE_MS, easing: "ease-out" });
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
