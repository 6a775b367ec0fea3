/** The differences of `changes.tsx`, loaded when the first one is drawn: most cards have none. */
import type { ComponentProps } from "preact";
import { useEffect, useState } from "preact/hooks";

type Drawing = typeof import("./changes");

export function Changes(props: ComponentProps<Drawing["Changes"]>) {
  const drawing = useDrawing();
  return drawing === null ? null : <drawing.Changes {...props} />;
}

export function FoldedChanges(props: ComponentProps<Drawing["FoldedChanges"]>) {
  const drawing = useDrawing();
  return drawing === null ? null : <drawing.FoldedChanges {...props} />;
}

/** Return what draws, once it is loaded; it stays null where it cannot be. */
function useDrawing(): Drawing | null {
  const [drawing, setDrawing] = useState<Drawing | null>(null);
  useEffect(() => {
    import("./changes").then(setDrawing, () => {});
  }, []);
  return drawing;
}
