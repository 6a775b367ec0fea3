/** Loads the texts of a large question, and shows meanwhile that they load or why they cannot. */
import type { RefObject } from "preact";
import type { Client } from "../../client/client";
import type { Asked } from "../../protocol/decode";
import type { Request } from "../../protocol/state";
import { beginning } from "../text/tall";
import { useClient } from "../use-client";
import { useInSight } from "../use-in-sight";

/** About the height of an answer's form, and of that and the head. */
const FORM_PX = 190;
const FORM_AND_HEAD_PX = 290;

/**
 * Return the style of a card whose texts are missing: as high as it will be, before it is visible.
 *
 * Otherwise cards that come into view grow, and push away the one that somebody scrolled to.
 */
export function heightToCome(): { containIntrinsicSize: string } {
  return { containIntrinsicSize: `auto ${beginning() + FORM_AND_HEAD_PX}px` };
}

/**
 * Return the question to show, and whether its texts still have to come from the server.
 *
 * They are fetched while the card is visible. The text that came with the card can be read
 * meanwhile, but only the server's own text can be answered.
 */
export function useTexts(
  client: Client | null,
  request: Request | null,
  snapshot: Asked,
  card: RefObject<HTMLElement | null>,
): readonly [Asked, boolean] {
  const id = snapshot.request_id;
  const missing = request?.required.brief === true;
  const show = missing && client !== null ? () => client.showTexts(id) : null;
  useInSight(card, show, [client, id, missing]);
  return [(missing ? null : request?.required) ?? snapshot, missing];
}

interface Props {
  readonly client: Client | null;
  readonly id: string;
}

export function MissingTexts({ client, id }: Props) {
  const trouble = useClient(client, (known) => known.textTrouble(id));
  if (trouble === null) {
    return (
      <div class="chitl-loading" style={{ minHeight: `${beginning() + FORM_PX}px` }}>
        <p class="chitl-note" data-testid="hitl-loading" role="status">
          Loading the full question…
        </p>
      </div>
    );
  }
  return (
    <div class="chitl-error" data-testid="hitl-not-loaded" role="alert">
      The full question could not be loaded: {trouble}{" "}
      <button
        type="button"
        class="chitl-button"
        data-testid="hitl-load-again"
        onClick={() => client?.loadTextsAgain(id)}
      >
        Try again
      </button>
    </div>
  );
}
