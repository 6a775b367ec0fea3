/** A long list that is drawn bit by bit: what is far below comes when one gets near it. */
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** Cards are heavy (Markdown, forms); some screens of them are enough to begin with. */
const STEP = 25;

/** Begin to draw when the end of the list is this near. */
const MARGIN = "1500px";

/** Return how many to draw, and what to put at the list's end. */
export function useInfiniteScroll(
  total: number,
): readonly [number, RefObject<HTMLDivElement | null>] {
  const [drawn, setDrawn] = useState(STEP);
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = end.current;
    if (element === null || drawn >= total || typeof IntersectionObserver === "undefined") return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setDrawn(drawn + STEP);
      },
      { rootMargin: MARGIN },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [drawn, total]);
  return [drawn, end];
}
