/**
 * The earlier rounds: each draft, what a person said to it, and what changed since.
 *
 * Earlier drafts are folded; the feedback is visible, and so is the difference to the draft that is
 * now under review.
 */

import { useState } from "preact/hooks";
import type { HumanInputRequired, Round } from "../../protocol/gen";
import { capitalized } from "../text/capitalized";
import { FoldedChanges } from "../text/changes-on-demand";
import { LIST_ITEMS } from "../text/limits";
import { Markdown } from "../text/markdown";
import { LongText, More } from "../text/show-more";
import { Tall } from "../text/tall";

/** Rounds shown at first: the latest. */
const ROUNDS = 10;

export function Rounds({ required }: { readonly required: HumanInputRequired }) {
  const { history, draft, round } = required;
  const [count, setCount] = useState(ROUNDS);
  const last = history.at(-1);
  if (last === undefined) return null;
  const nameOf = (nth: number) => {
    if (required.kind === "tool_approval") return `arguments of round ${nth}`;
    return `draft ${nth}`;
  };
  const hidden = Math.max(0, history.length - count);
  const first = Math.max(1, round - history.length); // the oldest rounds may have been dropped
  return (
    <>
      {hidden > 0 && (
        <More words={`Show earlier rounds (${hidden})`} go={() => setCount(count + LIST_ITEMS)} />
      )}
      <ol
        class="chitl-thread"
        data-testid="hitl-thread"
        aria-label="Earlier rounds"
        start={first + hidden}
      >
        {history.slice(hidden).map((one, at) => (
          <Said key={hidden + at} title={capitalized(nameOf(first + hidden + at))} round={one} />
        ))}
        {draft !== null && (
          <li class="chitl-round">
            <FoldedChanges
              before={last.draft}
              after={draft}
              summary={`Changes since ${nameOf(first + history.length - 1)}`}
            />
          </li>
        )}
      </ol>
    </>
  );
}

function Said({ title, round }: { readonly title: string; readonly round: Round }) {
  const [open, setOpen] = useState(false); // a long draft is drawn only when it is opened
  return (
    <li class="chitl-round">
      <details class="chitl-fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{title}</summary>
        {open && (
          <Tall label={title}>
            <Markdown text={round.draft} />
          </Tall>
        )}
      </details>
      <blockquote class="chitl-said" dir="auto">
        <LongText text={round.feedback} />
      </blockquote>
    </li>
  );
}
