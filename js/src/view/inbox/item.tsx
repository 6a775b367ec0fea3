/** A card in a list: with a box to select it by, and the ways that lead on from it. */
import type { ComponentChildren } from "preact";
import { hashOf } from "../../inbox/place";
import type { HumanInputRequired } from "../../protocol/gen";
import type { Surroundings, Way } from "./host";

/** How an item can be selected; null when nothing is being selected. */
export interface Selecting {
  readonly chosen: boolean;
  /** Why it cannot be chosen together with those that are. */
  readonly blocked: string | null;
  readonly toggle: () => void;
}

interface Props {
  readonly required: HumanInputRequired;
  readonly surroundings: Surroundings;
  readonly selecting: Selecting | null;
  readonly children: ComponentChildren;
}

export function Item({ required, surroundings, selecting, children }: Props) {
  return (
    <div
      class={`chitl-item${selecting?.chosen ? " chitl-is-chosen" : ""}`}
      data-testid="hitl-item"
      data-request-id={required.request_id}
      data-stop
    >
      {selecting !== null && <SelectBox required={required} selecting={selecting} />}
      <div class="chitl-item-body">
        {children}
        <Ways required={required} surroundings={surroundings} />
      </div>
    </div>
  );
}

function SelectBox({
  required,
  selecting,
}: {
  readonly required: HumanInputRequired;
  readonly selecting: Selecting;
}) {
  return (
    <label class="chitl-box" title={selecting.blocked ?? "Select"}>
      <input
        type="checkbox"
        data-testid="hitl-select"
        aria-label={`Select: ${required.prompt.slice(0, 80)}`}
        checked={selecting.chosen}
        disabled={selecting.blocked !== null}
        onChange={selecting.toggle}
      />
    </label>
  );
}

interface WaysProps {
  readonly required: HumanInputRequired;
  readonly surroundings: Surroundings;
}

/** To the notebook, and the address of this one request. */
export function Ways({ required, surroundings }: WaysProps) {
  const way = surroundings.wayTo(required);
  const own = hashOf({ view: "request", id: required.request_id });
  const href = surroundings.ownsPage ? own : surroundings.endpoint.prefix + own;
  return (
    <div class="chitl-ways">
      {way !== null && <WayOn way={way} />}
      <a
        class="chitl-way"
        data-testid="hitl-link"
        href={href}
        {...(surroundings.ownsPage ? {} : { target: "_blank", rel: "noopener" })}
      >
        Link to this request
      </a>
    </div>
  );
}

function WayOn({ way }: { readonly way: Way }) {
  if (way.kind === "action") {
    return (
      <button type="button" class="chitl-way" data-testid="hitl-notebook" onClick={way.go}>
        {way.label}
      </button>
    );
  }
  return (
    <a class="chitl-way" data-testid="hitl-notebook" href={way.href} target="_blank" rel="noopener">
      {way.label}
    </a>
  );
}
