/**
 * Draws the parts of an inbox whose script is not needed for the first paint.
 *
 * They are one file (`parts.ts`), fetched once the page has been drawn, or earlier if somebody asks
 * for one of them. A part that cannot be fetched says so.
 */
import { createContext, createElement, type VNode } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

type Parts = typeof import("./parts");

const Loaded = createContext<Parts | "failed" | null>(null);

export const PartsProvider = Loaded.Provider;

/** Load the parts after the first paint; the result is for `PartsProvider`. */
export function useParts(): Parts | "failed" | null {
  const [parts, setParts] = useState<Parts | "failed" | null>(null);
  useEffect(() => {
    import("./parts").then(setParts, () => setParts("failed"));
  }, []);
  return parts;
}

/** Return a component that draws a part, or says why it is not there; nothing if `meanwhile` is null. */
export function onDemand<P extends object>(
  part: (parts: Parts) => (props: P) => VNode,
  meanwhile: VNode | null = <p class="chitl-nothing">Loading…</p>,
) {
  return (props: P) => {
    const parts = useContext(Loaded);
    if (parts === null) return meanwhile;
    if (parts !== "failed") return createElement(part(parts), props);
    if (meanwhile === null) return null;
    // A browser may not fetch a script again that it could not get once.
    return (
      <p class="chitl-nothing" role="alert">
        This part of the page could not be loaded. Reload the page to try again.
      </p>
    );
  };
}
