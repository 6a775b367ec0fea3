/**
 * Tells a screen reader when a card changes by itself.
 *
 * A live region announces only changes, so every card has it from the start, empty until something
 * happens while the card is open.
 */
import { useRef } from "preact/hooks";
import type { Client } from "../../client/client";
import type { HumanInputRequired } from "../../protocol/gen";
import type { Request } from "../../protocol/state";
import type { Sending } from "../form/sending";
import { useTimeLeft } from "../use-client";
import { person, verdict } from "../words";
import { useClaim } from "./claim";

interface Props {
  readonly client: Client | null;
  readonly required: HumanInputRequired;
  readonly request: Request | null;
  /** Whether the answer that counts was given on this page. */
  readonly own: boolean;
  readonly sending: Sending;
}

export function Announcer(props: Props) {
  const { timestamp, expires_at } = props.required;
  const urgent = useTimeLeft(timestamp, expires_at)?.urgent ?? false;
  const news = newsOf(props, urgent, useClaim(props.client, props.request));
  const first = useRef(news); // the initial state is on the card, so it is not announced
  if (news !== first.current) first.current = EVER;
  return (
    <p class="chitl-hidden" role="status">
      {first.current === EVER ? news : ""}
    </p>
  );
}

/** Marks that something has happened: from now on everything is announced. */
const EVER = "\0";

function newsOf(props: Props, urgent: boolean, claim: string): string {
  const { required, request, own, sending } = props;
  const { held, busy } = sending;
  if (request?.completion != null) {
    if (busy) return ""; // the reply says whether this answer is the reader's own
    const { completion } = request;
    const by = completion.type === "human_input_completed" ? completion.answered_by : null;
    const words = verdict(completion, required.kind);
    if (own) return `${words} by you`;
    return by === null ? words : `${words} by ${person(by)}`;
  }
  if (held !== null)
    return `Sending in ${Math.ceil(held.ms / 1000)} seconds. Press Escape to undo.`;
  if (urgent) return "The time to answer is running out.";
  return claim;
}
