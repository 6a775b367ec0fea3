/** The head of a question: its title, who asks and where, since when, and until when. */
import type { HumanInputRequired } from "../../protocol/gen";
import { firstPart } from "../text/limits";
import { titleOf } from "../title";
import { useClock, useTimeLeft } from "../use-client";
import { type Around, aroundAsker, asker, atExpiry, relative } from "../words";

interface Props {
  readonly required: HumanInputRequired;
  /** Whether the request is open: a closed one has no deadline to show. */
  readonly open: boolean;
  /** What tells it from a question that looks the same, or "". */
  readonly mark: string;
  /** Whether the card is in the cell that asks, whose notebook needs no name. */
  readonly inPlace: boolean;
}

export function Byline({ required, open, mark, inPlace }: Props) {
  const { text, round, rest } = titleOf(required);
  const around = aroundAsker(required, text).filter(({ what }) => !inPlace || what !== "");
  return (
    <div class="chitl-asker">
      <h2 class="chitl-title" data-testid="hitl-title" dir="auto">
        <span data-testid={rest === null ? "hitl-prompt" : undefined}>{text}</span>
        {round !== "" && <span class="chitl-nth"> · {round}</span>}
      </h2>
      <span class="chitl-details">
        <span>
          <Name words={asker(required)} bold={true} /> {open ? "asks" : "asked"}
        </span>
        {around.map((one) => (
          <span key={`${one.what} ${one.name}`}>
            <Place {...one} />
          </span>
        ))}
        <Asked at={required.timestamp} />
        {mark !== "" && <span>{mark}</span>}
        {open && <Reminded at={required.remind_at} />}
      </span>
      {open && <Countdown required={required} />}
    </div>
  );
}

function Place({ what, name }: Around) {
  const words = <Name words={name} />;
  return (
    <>
      {what} {what === "" || what === "for" ? words : <em>{words}</em>}
    </>
  );
}

/** Characters of a name that are shown; the rest is in its tooltip. */
const NAME_CHARS = 60;

function Name({ words, bold = false }: { readonly words: string; readonly bold?: boolean }) {
  const start = firstPart(words, NAME_CHARS);
  const isCut = start !== words;
  return (
    <bdi class={bold ? "chitl-name" : undefined} title={isCut ? words : undefined}>
      {isCut ? `${start}…` : words}
    </bdi>
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
