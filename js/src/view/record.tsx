/** What became of a request: who answered, what, when and from where. */
import type { ClosingEvent } from "../decode";
import { useClock } from "./use-client";
import { clockTime, person, verdict } from "./words";

interface Props {
  readonly completion: ClosingEvent;
  /** One's own words that were not sent, or not taken. */
  readonly ownText: string;
  /** Why one's own answer was not taken, if it was sent. */
  readonly notice: string | null;
}

export function AnswerRecord({ completion, ownText, notice }: Props) {
  const answer = completion.type === "human_input_completed" ? completion : null;
  const text = answer?.human_feedback ?? "";
  const chosen = answer?.options?.join(", ") ?? "";
  const own = ownText.trim();
  return (
    <div class="chitl-record" data-testid="hitl-record" role="status">
      {notice !== null && (
        <p class="chitl-error" data-testid="hitl-error">
          {notice}
        </p>
      )}
      <Heading completion={completion} />
      {chosen !== "" && <p class="chitl-said">{chosen}</p>}
      {text.trim() !== "" && text !== chosen && <blockquote class="chitl-said">{text}</blockquote>}
      {own !== "" && own !== text.trim() && (
        <div class="chitl-own">
          <span>Your text, not sent:</span>
          <blockquote data-testid="hitl-own-text">{own}</blockquote>
        </div>
      )}
    </div>
  );
}

function Heading({ completion }: { readonly completion: ClosingEvent }) {
  const now = useClock();
  const by = completion.type === "human_input_completed" ? completion.answered_by : null;
  return (
    <p class={`chitl-verdict chitl-is-${completion.type}`}>
      <strong>{verdict(completion)}</strong>
      <span class="chitl-details">
        {by !== null && <span>{person(by)}</span>}
        <time dateTime={completion.timestamp}>{clockTime(completion.timestamp, now)}</time>
      </span>
    </p>
  );
}
