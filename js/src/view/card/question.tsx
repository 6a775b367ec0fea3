/** The question: who asks, the prompt, the reasons, earlier rounds and the context, or all folded. */
import type { ComponentChildren } from "preact";
import type { LinkState } from "../../client/resume";
import type { HumanInputRequired } from "../../protocol/gen";
import { Connection } from "../connection";
import { Markdown } from "../text/markdown";
import { LongText, useSome } from "../text/show-more";
import { reasons } from "../words";
import { Byline } from "./byline";
import { Rounds } from "./rounds";

interface Props {
  readonly required: HumanInputRequired;
  readonly link: LinkState | null;
  /** Whether the request is open: only then there is a deadline. */
  readonly open: boolean;
  /** The draft's editor, while it is open. */
  readonly editor: ComponentChildren;
  /** Whether the draft is being edited: then the editor replaces it. */
  readonly edited: boolean;
}

export function Question({ required, link, open, editor, edited }: Props) {
  return (
    <>
      <header class="chitl-head">
        <Byline required={required} open={open} />
        {link !== null && <Connection state={link} />}
      </header>
      <p class="chitl-prompt" data-testid="hitl-prompt" dir="auto">
        {required.prompt.trim() === "" ? (
          NO_PROMPT
        ) : (
          <LongText text={required.prompt} most={PROMPT_CHARS} />
        )}
      </p>
      <Reasons required={required} />
      {open && required.pause !== null && <p class="chitl-note">{PAUSED}</p>}
      <Rounds required={required} />
      {editor}
      <Context required={required} edited={edited} />
    </>
  );
}

/** The question of a closed request, below its outcome. */
export function FoldedQuestion({
  required,
  unfolded,
}: {
  readonly required: HumanInputRequired;
  readonly unfolded: boolean;
}) {
  return (
    <details class="chitl-fold" data-testid="hitl-question" open={unfolded}>
      <summary>Question</summary>
      <Question required={required} link={null} open={false} editor={null} edited={false} />
    </details>
  );
}

/** Characters of a prompt shown at first: usually it is a sentence or two. */
const PROMPT_CHARS = 2000;

/** Reasons shown at first, and characters of each. */
const FLAGS = 20;
const FLAG_CHARS = 200;

const NO_PROMPT = "The crew needs your answer but sent no question text.";

const PAUSED = "The flow is paused and saved. It continues when it is resumed after your answer.";

function Reasons({ required }: { readonly required: HumanInputRequired }) {
  const [flags, more] = useSome(reasons(required), "reasons", FLAGS);
  if (flags.length === 0) return null;
  return (
    <ul class="chitl-reasons" aria-label="Reasons for asking">
      {flags.map((flag) => (
        <li key={flag}>
          <LongText text={flag} most={FLAG_CHARS} />
        </li>
      ))}
      {more !== null && <li class="chitl-more-item">{more}</li>}
    </ul>
  );
}

interface ContextProps {
  readonly required: HumanInputRequired;
  /** Whether the draft is in the editor: then only the rest of the context is shown. */
  readonly edited: boolean;
}

function Context({ required, edited }: ContextProps) {
  const text = edited ? aroundDraft(required) : required.context;
  const { attachments } = required;
  if (text === "" && Object.keys(attachments).length === 0) return null;
  return (
    // A long one scrolls, so it must be reachable by keyboard (WCAG 2.1.1).
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section class="chitl-context" data-testid="hitl-context" aria-label="Context" tabIndex={0}>
      <Markdown text={text} attachments={attachments} />
    </section>
  );
}

/** Return the context without the draft at its beginning and the rule after that. */
function aroundDraft({ context, draft }: HumanInputRequired): string {
  if (draft === null || !context.startsWith(draft)) return context;
  return context
    .slice(draft.length)
    .replace(/^\s*-{3,}\s*\n/, "")
    .trim();
}
