/** A hook that acts while an element is visible, or nearly. */
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

/** How far outside the viewport it starts, so that content is usually there when scrolled to. */
const MARGIN = "500px";

/** Call `enter` when the element becomes visible, and its cleanup when it no longer is. */
export function useInSight(
  element: RefObject<HTMLElement | null>,
  enter: (() => () => void) | null,
  /** What `enter` depends on. */
  inputs: readonly unknown[],
): void {
  useEffect(() => {
    if (enter === null || element.current === null) return;
    if (typeof IntersectionObserver === "undefined") return enter();
    let leave: (() => void) | null = null;
    const observer = new IntersectionObserver(
      (entries) => {
        const inSight = entries.at(-1)?.isIntersecting === true;
        if (inSight) leave ??= enter();
        else {
          leave?.();
          leave = null;
        }
      },
      { rootMargin: MARGIN },
    );
    observer.observe(element.current);
    return () => {
      observer.disconnect();
      leave?.();
    };
  }, inputs);
}
