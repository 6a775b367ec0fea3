/** The line above a question: who asks, since when, and until when. */
import type { HumanInputRequired } from "../../protocol/gen";
import { useClock, useTimeLeft } from "../use-client";
import { asker, atExpiry, relative } from "../words";

interface Props {
  readonly required: HumanInputRequired;
  /** Whether the request is open: a closed one has no deadline to show. */
  readonly open: boolean;
}

export function Byline({ required, open }: Props) {
  const { name, details } = asker(required);
  return (
    <div class="chitl-asker">
      <bdi class="chitl-name">{name}</bdi>
      <span class="chitl-details">
        {details.map((detail) => (
          <span key={detail}>
            <bdi>{detail}</bdi>
          </span>
        ))}
        <Asked at={required.timestamp} />
        {open && <Reminded at={required.remind_at} />}
      </span>
      {open && <Countdown required={required} />}
    </div>
  );
}

function Asked({ at }: { readonly at: string }) {
  const now = useClock();
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {relative(at, now)}
    </time>
  );
}

/** Shows that the reminder time has passed, also to readers who connect later. */
function Reminded({ at }: { readonly at: string | null }) {
  const now = useClock();
  if (at === null || !(Date.parse(at) <= now.getTime())) return null;
  return <strong class="chitl-reminded">reminder sent</strong>;
}

function Countdown({ required }: { readonly required: HumanInputRequired }) {
  const { timestamp, expires_at } = required;
  const left = useTimeLeft(timestamp, expires_at);
  if (left === null || expires_at === null) return null;
  return (
    <span class={`chitl-countdown${left.urgent ? " chitl-is-urgent" : ""}`}>
      <time
        role="timer"
        data-testid="hitl-countdown"
        data-urgent={left.urgent}
        dateTime={expires_at}
        title={`Until ${new Date(expires_at).toLocaleString()}`}
      >
        {left.text}
      </time>
      {", "}
      <span dir="auto">{atExpiry(required)}</span>
    </span>
  );
}
