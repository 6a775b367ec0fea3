/** The outcome of a request: who answered, what, when and from where. */
import type { Client } from "../../client/client";
import { type ClosingEvent, isObject } from "../../protocol/decode";
import { fileWords, isFile } from "../../protocol/files";
import type { AnsweredBy, HumanInputCompleted, HumanInputRequired } from "../../protocol/gen";
import type { Draft } from "../form/draft";
import { fieldsOf, isChanged, NOT_UPLOADED, valuesOf } from "../form/fields";
import { ValuesTable } from "../form/values-table";
import { Changes } from "../text/changes-on-demand";
import { Copy } from "../text/copy";
import { LongText } from "../text/show-more";
import { oneLine } from "../text/unseen";
import { useClock } from "../use-client";
import { clockTime, surface, verdict, wentOn } from "../words";
import { RuleNote, useIsOwnRule } from "./rule-note";
import { WhatFollows } from "./what-follows";

interface Props {
  readonly client: Client | null;
  readonly required: HumanInputRequired;
  readonly completion: ClosingEvent;
  /** Whether the reader gave this answer on this page. */
  readonly own: boolean;
  /** The reader's own text that was not sent or not accepted. */
  readonly draft: Draft;
  /** Why the reader's own answer was not accepted, if they sent one. */
  readonly notice: string | null;
}

export function AnswerRecord({ client, required, completion, own, draft, notice }: Props) {
  const answer = completion.type === "human_input_completed" ? completion : null;
  const unsent = unsentWords(required, draft, answer);
  const byOwnRule = useIsOwnRule(client, answer?.by_rule);
  return (
    <div class="chitl-record" data-testid="hitl-record">
      <Heading
        client={own ? client : null}
        required={required}
        completion={completion}
        byOwnRule={byOwnRule}
      />
      {notice !== null && (
        <p class="chitl-error" data-testid="hitl-error" role="alert">
          {notice}
        </p>
      )}
      {answer !== null && <Said required={required} answer={answer} />}
      {answer !== null && <RuleNote client={client} answer={answer} />}
      {unsent !== "" && <Unsent text={unsent} />}
    </div>
  );
}

interface SaidProps {
  readonly required: HumanInputRequired;
  readonly answer: HumanInputCompleted;
}

/** The answer: options, values, the edit, or text. */
function Said({ required, answer }: SaidProps) {
  const { human_feedback: text, options, values, decision } = answer;
  const chosen = options?.join(", ") ?? "";
  if (decision === "edit" && values === null && required.draft !== null) {
    return <Changes before={required.draft} after={text} />;
  }
  return (
    <>
      {chosen !== "" && (
        <p class="chitl-said" dir="auto">
          <LongText text={chosen} />
        </p>
      )}
      {values !== null && (
        <ValuesTable
          values={values}
          schema={required.response.schema}
          compare={decision === "edit"}
        />
      )}
      {text.trim() !== "" && text !== chosen && (
        <blockquote class="chitl-said" dir="auto">
          <LongText text={text} />
        </blockquote>
      )}
    </>
  );
}

function Unsent({ text }: { readonly text: string }) {
  return (
    <div class="chitl-own">
      <span>Your unsent text:</span> <Copy text={text} />
      <blockquote data-testid="hitl-own-text" dir="auto">
        <LongText text={text} />
      </blockquote>
    </div>
  );
}

interface HeadingProps {
  /** The page's client if the reader gave this answer here, else null. */
  readonly client: Client | null;
  readonly required: HumanInputRequired;
  readonly completion: ClosingEvent;
  /** Whether a rule gave it that the reader made here. */
  readonly byOwnRule: boolean;
}

/** The one line that is left of a question: what was decided, by whom and when. */
function Heading({ client, required, completion, byOwnRule }: HeadingProps) {
  const now = useClock();
  const answer = completion.type === "human_input_completed" ? completion : null;
  const by = answer?.answered_by ?? null;
  return (
    <p class={`chitl-verdict chitl-is-${wentOn(completion) ? "yes" : "no"}`}>
      <strong>
        {verdict(completion, required.kind)}
        <By by={by} own={client !== null || byOwnRule} />
      </strong>
      <span class="chitl-details">
        {by !== null && client === null && by.via !== "rule" && <span>via {surface(by)}</span>}
        <time dateTime={completion.timestamp}>{clockTime(completion.timestamp, now)}</time>
        {answer !== null && client !== null && (
          <WhatFollows client={client} required={required} answer={answer} />
        )}
      </span>
    </p>
  );
}

function By({ by, own }: { readonly by: AnsweredBy | null; readonly own: boolean }) {
  const isRule = by?.via === "rule";
  if (own) return isRule ? " by your rule" : " by you";
  if (by === null || by.via === "default") return null; // nobody: the default answered
  return (
    <>
      {" by "}
      <bdi>{oneLine(by.name)}</bdi>
      {isRule && "’s rule"}
    </>
  );
}

/** Return everything that the reader has entered in the card and the answer lacks, as one text. */
function unsentWords(
  required: HumanInputRequired,
  draft: Draft,
  answer: HumanInputCompleted | null,
): string {
  const { schema } = required.response;
  const fields = schema === null ? [] : fieldsOf(schema);
  const json = (of: unknown, replacer?: typeof filesInWords) => JSON.stringify(of, replacer, 2);
  const values = isChanged(fields, draft.inputs) ? valuesOf(fields, draft.inputs).values : null;
  const sent = json(values) === json(answer?.values); // while the page was left
  const filled = values === null || sent ? "" : json(values, filesInWords);
  const edited = draft.edited === required.draft ? "" : (draft.edited ?? "");
  const words = [edited, filled, draft.chosen.join(", "), draft.text]
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n\n");
  return words === answer?.human_feedback.trim() ? "" : words;
}

/** Put a name in the place of a file, and of one that was still being sent. */
function filesInWords(_: string, part: unknown): unknown {
  if (isFile(part)) return fileWords(part);
  return isObject(part) && NOT_UPLOADED in part ? part.name : part;
}
