/** The editor of a draft, with the difference from the agent's text below it. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { Changes } from "../text/changes-on-demand";

interface Props {
  readonly draft: string;
  readonly edited: string;
  readonly disabled: boolean;
  /** Whether a person has just opened it, rather than a page reload. */
  readonly fresh: boolean;
  readonly onEdit: (text: string) => void;
}

/** Visible lines of the editor; a longer text scrolls. */
const LINES = { least: 4, most: 16 };

export function Editor({ draft, edited, disabled, fresh, onEdit }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (!fresh) return;
    area.current?.focus({ preventScroll: true });
    area.current?.setSelectionRange(0, 0); // where reading begins
  }, []);
  const lines = edited.split("\n").reduce((sum, line) => sum + 1 + Math.floor(line.length / 80), 0);
  return (
    <div class="chitl-editor">
      <textarea
        ref={area}
        class="chitl-text"
        data-testid="hitl-editor"
        aria-label="Edit draft"
        dir="auto"
        rows={Math.min(Math.max(lines, LINES.least), LINES.most)}
        value={edited}
        readOnly={disabled}
        onInput={(event) => onEdit(event.currentTarget.value)}
      />
      {edited !== draft && <Changes before={draft} after={edited} />}
    </div>
  );
}
