/** The differences of `changes.tsx`, loaded when the first one is drawn: most cards have none. */
import type { ComponentProps } from "preact";
import { useEffect, useState } from "preact/hooks";
import { After } from "./after";

type Drawing = typeof import("./changes");

export function Changes(props: ComponentProps<Drawing["Changes"]>) {
  const drawing = useDrawing();
  if (drawing === null) return null;
  return drawing === "failed" ? <After {...props} /> : <drawing.Changes {...props} />;
}

export function FoldedChanges(props: ComponentProps<Drawing["FoldedChanges"]>) {
  const drawing = useDrawing();
  // Without the difference there is nothing to unfold: what it leads to stands below.
  return drawing === null || drawing === "failed" ? null : <drawing.FoldedChanges {...props} />;
}

function useDrawing(): Drawing | "failed" | null {
  const [drawing, setDrawing] = useState<Drawing | "failed" | null>(null);
  useEffect(() => {
    import("./changes").then(setDrawing, () => setDrawing("failed"));
  }, []);
  return drawing;
}
