/** The question: its head, prompt, reasons, earlier rounds, context and task, or all folded. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { LinkState } from "../../client/resume";
import type { HumanInputRequired } from "../../protocol/gen";
import { Connection } from "../connection";
import { partsOf } from "../task-details";
import { Markdown } from "../text/markdown";
import { LongText, useSome } from "../text/show-more";
import { Tall } from "../text/tall";
import { titleOf, titleWords } from "../title";
import { reasons } from "../words";
import { AboutTask } from "./about-task";
import { AgentSteps } from "./agent-steps";
import { Byline } from "./byline";
import { Rounds } from "./rounds";

interface Props {
  readonly required: HumanInputRequired;
  readonly link: LinkState | null;
  /** Whether the request is open: only then there is a deadline. */
  readonly open: boolean;
  /** What tells it from a question that looks the same, or "". */
  readonly mark: string;
  /** Whether the card is in the cell that asks. */
  readonly inPlace: boolean;
  /** The draft's editor, while it is open. */
  readonly editor: ComponentChildren;
  /** Whether the draft is being edited: then the editor replaces it. */
  readonly edited: boolean;
}

export function Question(props: Props) {
  const { required, link, open, editor, edited } = props;
  const { main, details } = useMemo(() => partsOf(required), [required]);
  return (
    <>
      <header class="chitl-head">
        <Byline {...props} />
        {link !== null && <Connection state={link} />}
      </header>
      <Prompt required={required} />
      <Reasons required={required} />
      {open && required.pause !== null && <p class="chitl-note">{PAUSED}</p>}
      <Rounds required={required} />
      {editor}
      <Context
        text={edited ? withoutDraft(main, required.draft) : main}
        attachments={required.attachments}
      />
      <AgentSteps steps={required.steps} />
      {details !== "" && <AboutTask details={details} />}
    </>
  );
}

interface FoldedProps extends Pick<Props, "required" | "mark" | "inPlace"> {
  readonly unfolded: boolean;
}

/** The question of a closed request, below its outcome. */
export function FoldedQuestion({ unfolded, ...rest }: FoldedProps) {
  return (
    <details class="chitl-fold" data-testid="hitl-question" open={unfolded}>
      <summary>
        Question: <bdi>{titleWords(rest.required)}</bdi>
        {rest.mark !== "" && `, ${rest.mark}`}
      </summary>
      <Question {...rest} link={null} open={false} editor={null} edited={false} />
    </details>
  );
}

/** What the prompt says beside the title. */
function Prompt({ required }: { readonly required: HumanInputRequired }) {
  const { rest } = titleOf(required);
  if (rest === null) return null;
  return (
    <p class="chitl-prompt" data-testid="hitl-prompt" dir="auto">
      {rest.trim() === "" ? NO_PROMPT : <LongText text={rest} most={PROMPT_CHARS} />}
    </p>
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
  readonly text: string;
  readonly attachments: HumanInputRequired["attachments"];
}

function Context({ text, attachments }: ContextProps) {
  if (text === "" && Object.keys(attachments).length === 0) return null;
  return (
    <Tall label="Context" hook="hitl-context">
      <Markdown text={text} attachments={attachments} />
    </Tall>
  );
}

/** Return the context without the draft at its beginning and the rule after that. */
function withoutDraft(context: string, draft: string | null): string {
  if (draft === null || !context.startsWith(draft)) return context;
  return context
    .slice(draft.length)
    .replace(/^\s*-{3,}\s*\n/, "")
    .trim();
}
