/** The outcome of a request: who answered, what, when and from where. */
import type { ClosingEvent } from "../../protocol/decode";
import type { HumanInputCompleted, HumanInputRequired } from "../../protocol/gen";
import type { Draft } from "../form/draft";
import { fieldsOf, isChanged, valuesOf } from "../form/fields";
import { ValuesTable } from "../form/values-table";
import { Changes } from "../text/changes";
import { Copy } from "../text/copy";
import { LongText } from "../text/show-more";
import { useClock } from "../use-client";
import { clockTime, person, verdict, wentOn } from "../words";

interface Props {
  readonly required: HumanInputRequired;
  readonly completion: ClosingEvent;
  /** The reader's own text that was not sent or not accepted. */
  readonly draft: Draft;
  /** Why the reader's own answer was not accepted, if they sent one. */
  readonly notice: string | null;
}

export function AnswerRecord({ required, completion, draft, notice }: Props) {
  const answer = completion.type === "human_input_completed" ? completion : null;
  const own = ownWords(required, draft);
  return (
    <div class="chitl-record" data-testid="hitl-record">
      {notice !== null && (
        <p class="chitl-error" data-testid="hitl-error" role="alert">
          {notice}
        </p>
      )}
      <Heading required={required} completion={completion} />
      {answer !== null && <Said required={required} answer={answer} />}
      {own !== "" && own !== answer?.human_feedback.trim() && <Own text={own} />}
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

function Own({ text }: { readonly text: string }) {
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
  readonly required: HumanInputRequired;
  readonly completion: ClosingEvent;
}

function Heading({ required, completion }: HeadingProps) {
  const now = useClock();
  const answer = completion.type === "human_input_completed" ? completion : null;
  const by = answer?.answered_by ?? null;
  return (
    <p class={`chitl-verdict chitl-is-${wentOn(completion) ? "yes" : "no"}`}>
      <strong>{verdict(completion, required.kind)}</strong>
      <span class="chitl-details">
        {by !== null && (
          <span>
            <bdi>{person(by)}</bdi>
          </span>
        )}
        <time dateTime={completion.timestamp}>{clockTime(completion.timestamp, now)}</time>
      </span>
    </p>
  );
}

/** Return everything the reader has entered in the card, as one text to copy. */
function ownWords(required: HumanInputRequired, draft: Draft): string {
  const { schema } = required.response;
  const fields = schema === null ? [] : fieldsOf(schema);
  const filled = isChanged(fields, draft.inputs)
    ? JSON.stringify(valuesOf(fields, draft.inputs).values, null, 2)
    : "";
  const edited = draft.edited === required.draft ? "" : (draft.edited ?? "");
  return [edited, filled, draft.chosen.join(", "), draft.text]
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n\n");
}
