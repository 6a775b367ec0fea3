/** The question itself: who asks, since when, why, the prompt and what it is about. */
import type { HumanInputRequired } from "../protocol.gen";
import type { LinkState } from "../resume";
import { Connection } from "./connection";
import { Markdown } from "./markdown";
import { useClock } from "./use-client";
import { asker, reasons, relative } from "./words";

interface Props {
  readonly required: HumanInputRequired;
  readonly link: LinkState | null;
  /** Whether somebody has still to read it: a closed one folds its context away. */
  readonly open: boolean;
}

export function Question({ required, link, open }: Props) {
  return (
    <>
      <header class="chitl-head">
        <Asker required={required} />
        {link !== null && <Connection state={link} />}
      </header>
      <p class="chitl-prompt" data-testid="hitl-prompt">
        {required.prompt}
      </p>
      {open && <Reasons required={required} />}
      {required.context !== "" && <Context text={required.context} open={open} />}
    </>
  );
}

function Asker({ required }: { readonly required: HumanInputRequired }) {
  const { name, details } = asker(required);
  const now = useClock();
  return (
    <div class="chitl-asker">
      <span class="chitl-name">{name}</span>
      <span class="chitl-details">
        {details.map((detail) => (
          <span key={detail}>{detail}</span>
        ))}
        <time dateTime={required.timestamp} title={new Date(required.timestamp).toLocaleString()}>
          {relative(required.timestamp, now)}
        </time>
        {required.expires_at !== null && (
          <time dateTime={required.expires_at}>expires {relative(required.expires_at, now)}</time>
        )}
      </span>
    </div>
  );
}

function Reasons({ required }: { readonly required: HumanInputRequired }) {
  const flags = reasons(required);
  if (flags.length === 0) return null;
  return (
    <ul class="chitl-reasons" aria-label="Why it asks">
      {flags.map((flag) => (
        <li key={flag}>{flag}</li>
      ))}
    </ul>
  );
}

function Context({ text, open }: { readonly text: string; readonly open: boolean }) {
  const body = (
    // A long one scrolls, so it must be reachable by keyboard (WCAG 2.1.1).
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section class="chitl-context" data-testid="hitl-context" aria-label="Context" tabIndex={0}>
      <Markdown text={text} />
    </section>
  );
  if (open) return body;
  return (
    <details class="chitl-fold">
      <summary>What it was about</summary>
      {body}
    </details>
  );
}
