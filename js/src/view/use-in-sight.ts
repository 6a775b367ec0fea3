/** Acting while an element is in sight, or nearly. */
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

/** Begin this early, so that what is scrolled to is mostly there already. */
const MARGIN = "500px";

/** Call `enter` whenever the element comes in sight, and what it returned when that ends. */
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
