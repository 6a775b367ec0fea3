/** A difference between two texts: removed words are struck out, added words underlined. */
import { useMemo } from "preact/hooks";
import { likeness, type Part, shortened, wordDiff } from "./diff";
import { LongText, useSome } from "./show-more";

/** Parts of a difference shown at first. */
const PARTS = 1000;

/** Below this likeness a text was rewritten. */
const LEAST_LIKENESS = 0.3;

interface Props {
  readonly before: string;
  readonly after: string;
}

export function Changes({ before, after }: Props) {
  return <Difference parts={useMemo(() => wordDiff(before, after), [before, after])} />;
}

/** A difference under a summary, which is folded if the text was rewritten. */
export function FoldedChanges({ before, after, summary }: Props & { readonly summary: string }) {
  const parts = useMemo(() => wordDiff(before, after), [before, after]);
  return (
    <details class="chitl-fold" open={likeness(parts) >= LEAST_LIKENESS}>
      <summary>{summary}</summary>
      <Difference parts={parts} />
    </details>
  );
}

/** An already computed difference; long unchanged stretches are left out. */
function Difference({ parts }: { readonly parts: readonly Part[] }) {
  const changes = useMemo(() => shortened(parts), [parts]);
  const [shown, more] = useSome(changes, "changes", PARTS);
  return (
    <section
      class="chitl-diff"
      data-testid="hitl-diff"
      aria-label="Changes"
      dir="auto"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a long difference scrolls (WCAG 2.1.1)
      tabIndex={0}
    >
      {shown.map(({ kind, text }, at) => {
        const key = `${at}-${kind}`;
        const drawn = <LongText text={text} />;
        if (kind === "same") return <span key={key}>{drawn}</span>;
        return kind === "added" ? <ins key={key}>{drawn}</ins> : <del key={key}>{drawn}</del>;
      })}
      {more}
    </section>
  );
}
