/** Draws a long list in steps: further items are drawn when its end comes near. */
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** Items drawn at first, and per step: cards are expensive to draw (Markdown, forms). */
const STEP = 25;

/** How near the list's end has to be to draw the next step. */
const MARGIN = "1500px";

/** Return how many items to draw, and a ref for an element at the list's end. */
export function useInfiniteScroll(
  total: number,
  step = STEP,
): readonly [number, RefObject<HTMLDivElement | null>] {
  const [drawn, setDrawn] = useState(step);
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = end.current;
    if (element === null || drawn >= total || typeof IntersectionObserver === "undefined") return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setDrawn(drawn + step);
      },
      { rootMargin: MARGIN },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [drawn, total, step]);
  return [drawn, end];
}
