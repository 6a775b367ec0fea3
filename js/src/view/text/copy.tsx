/** A button that copies a text and confirms it. */
import { useRef, useState } from "preact/hooks";

export function Copy({ text }: { readonly text: string }) {
  const [done, setDone] = useState<boolean | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const copy = async () => setDone(await copied(text, button.current));
  return (
    <>
      <button
        ref={button}
        type="button"
        class="chitl-button chitl-small"
        data-testid="hitl-copy"
        onClick={() => void copy()}
      >
        Copy
      </button>
      <span class="chitl-note" role="status">
        {done === null ? "" : done ? "Copied" : "Not copied. Select the text to copy it"}
      </span>
    </>
  );
}

async function copied(text: string, near: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text, near); // a page served by plain HTTP has no clipboard
  }
}

function copiedBySelection(text: string, near: HTMLElement | null): boolean {
  const page = near?.ownerDocument;
  if (near == null || page === undefined) return false;
  const area = page.createElement("textarea");
  area.value = text;
  near.after(area);
  area.select();
  const done = page.execCommand("copy");
  area.remove();
  near.focus();
  return done;
}
