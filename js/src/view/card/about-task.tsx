/** The details of the task, folded; whether a person unfolds them is remembered in this browser. */
import { useState } from "preact/hooks";
import { isKept, keep } from "../../client/kept";
import { Markdown } from "../text/markdown";

/** Its name in `localStorage`. */
const KEY = "crewai-hitl/about-task";

export function AboutTask({ details }: { readonly details: string }) {
  const [open, setOpen] = useState(() => isKept(KEY)); // its Markdown is drawn only when it is seen
  return (
    <details
      class="chitl-fold"
      data-testid="hitl-about"
      open={open}
      onToggle={(event) => {
        const now = event.currentTarget.open;
        if (now === open) return;
        setOpen(now);
        keep(KEY, now);
      }}
    >
      <summary>About this task</summary>
      {open && (
        <div class="chitl-about">
          <Markdown text={details} />
        </div>
      )}
    </details>
  );
}
