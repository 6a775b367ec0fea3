/** A text that may be long: its beginning, and a button that shows all of it in its place. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** The height of the beginning: a part of the window, and at most so many pixels. */
const PART_OF_WINDOW = 0.45;
const MOST_PX = 420;

/** A text that is taller by less than this is shown whole: a button would save no room. */
const SPARE_PX = 80;

const MEASURES = typeof ResizeObserver !== "undefined";

interface Props {
  readonly children: ComponentChildren;
  /** What it is, for those who hear it; without it, it is no landmark. */
  readonly label?: string;
  readonly hook?: string;
}

export function Tall({ children, label, hook }: Props) {
  const box = useRef<HTMLElement>(null);
  // Until it is measured it is held within its limit: otherwise a long text would push away what
  // follows, for a moment.
  const [folds, setFolds] = useState<boolean | null>(MEASURES ? null : false);
  const [open, setOpen] = useState(false);
  const isHeld = folds !== false && !open;
  const isCut = folds === true && !open;
  useEffect(() => {
    const content = box.current?.firstElementChild;
    if (content == null || !MEASURES) return;
    const observer = new ResizeObserver(() => {
      const { height } = content.getBoundingClientRect();
      setFolds(height === 0 ? null : height > beginning() + SPARE_PX); // 0: in a closed fold
    });
    observer.observe(content);
    return () => observer.disconnect();
  }, []);
  return (
    <>
      <section
        ref={box}
        class={`chitl-context${isCut ? " chitl-cut" : ""}`}
        style={isHeld ? { maxHeight: `${beginning()}px`, overflow: "hidden" } : undefined}
        data-testid={hook}
        aria-label={label}
        // The browser's search, or a key that moves the focus, went to what is cut off.
        onScroll={(event) => {
          if (!isCut || event.currentTarget.scrollTop === 0) return;
          event.currentTarget.scrollTop = 0;
          setOpen(true);
        }}
      >
        <div>{children}</div>
      </section>
      {folds && (
        <button
          type="button"
          class="chitl-more"
          data-testid="hitl-show-all"
          aria-expanded={open}
          aria-label={label === undefined ? undefined : `${words(open)}: ${label}`}
          onClick={() => setOpen(!open)}
        >
          {words(open)}
        </button>
      )}
    </>
  );
}

/** Return the height of the beginning of a long text, in pixels. */
export function beginning(): number {
  return Math.min(PART_OF_WINDOW * window.innerHeight, MOST_PX);
}

function words(open: boolean): string {
  return open ? "Show less" : "Show all";
}
