/**
 * What a screen reader is told when a card changes by itself.
 *
 * A live region speaks only what changes in it, so it stands in every card from the start, and
 * is empty until something happens while one looks.
 */
import { useRef } from "preact/hooks";
import type { HumanInputRequired } from "../../protocol/gen";
import type { Request } from "../../protocol/state";
import type { Sending } from "../form/sending";
import { useTimeLeft } from "../use-client";
import { person, verdict } from "../words";

interface Props {
  readonly required: HumanInputRequired;
  readonly request: Request | null;
  readonly held: Sending["held"];
}

export function Announcer({ required, request, held }: Props) {
  const { timestamp, expires_at } = required;
  const urgent = useTimeLeft(timestamp, expires_at)?.urgent ?? false;
  const news = newsOf(required, request, held, urgent);
  const first = useRef(news); // what was so from the start is on the card, not news
  if (news !== first.current) first.current = EVER;
  return (
    <p class="chitl-hidden" role="status">
      {first.current === EVER ? news : ""}
    </p>
  );
}

/** No sentence: something has happened, and from now on everything is told. */
const EVER = "\0";

function newsOf(
  required: HumanInputRequired,
  request: Request | null,
  held: Sending["held"],
  urgent: boolean,
): string {
  if (request?.completion != null) {
    const { completion } = request;
    const by = completion.type === "human_input_completed" ? completion.answered_by : null;
    return [verdict(completion, required.kind), by === null ? "" : person(by)]
      .filter((part) => part !== "")
      .join(", ");
  }
  if (held !== null)
    return `Sending in ${Math.ceil(held.ms / 1000)} seconds. Press Escape to undo.`;
  if (urgent) return "The time to answer is running out.";
  return request?.claimedBy == null ? "" : `${request.claimedBy.name} is looking at this.`;
}
