/** A wide inbox: the list on the left, the open card on the right. */
import type { ComponentChildren, RefObject } from "preact";
import { useRef } from "preact/hooks";
import type { Client } from "../../client/client";
import type { Request } from "../../protocol/state";
import { cardsIn } from "../card/request-cards";
import { titleOf } from "../title";
import { verdict } from "../words";
import type { InboxHost } from "./host";
import { Item, type Selecting } from "./item";
import { Rows } from "./rows";
import { KEYS } from "./shortcuts";
import { useOpen } from "./use-open";

interface Props {
  readonly client: Client;
  readonly host: InboxHost;
  readonly found: readonly Request[];
  /** The request that is open. */
  readonly openId: RefObject<string | null>;
  readonly selecting: (request: Request) => Selecting | null;
  /** Draws what stands above the list; see `unchanged.ts` for why it is not drawn already. */
  readonly above: () => ComponentChildren;
  /** Draws what stands below the list. */
  readonly below: () => ComponentChildren;
}

export function Split({ client, host, found, openId, selecting, above, below }: Props) {
  const pane = useRef<HTMLElement>(null);
  const cards = cardsIn(client, host.via);
  const { request, answered, isGuarded, open } = useOpen(client, found, pane, openId);
  const stray = (event: Event) => {
    if (!isGuarded(event) || (event instanceof KeyboardEvent && event.key in KEYS)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="chitl-split">
      <div class="chitl-side">
        {above()}
        {request !== null && (
          <Rows
            client={client}
            requests={found}
            openId={request.required.request_id}
            selecting={selecting}
            onOpen={open}
          />
        )}
        {below()}
      </div>
      <section
        ref={pane}
        class="chitl-pane"
        aria-label="Open request"
        onKeyDownCapture={stray}
        onClickCapture={stray}
      >
        {answered !== null && (
          <LastAnswer request={answered} onShow={() => open(answered.required.request_id, true)} />
        )}
        {request !== null && (
          <Item
            key={request.required.request_id}
            required={request.required}
            host={host}
            selecting={null}
          >
            {cards(request)}
          </Item>
        )}
      </section>
    </div>
  );
}

interface LastAnswerProps {
  readonly request: Request;
  readonly onShow: () => void;
}

/** What became of the request before, whose card the next one has replaced. */
function LastAnswer({ request: { completion, required }, onShow }: LastAnswerProps) {
  if (completion === null) return null;
  return (
    <p class="chitl-last" data-testid="hitl-last-answer" role="status">
      <span class="chitl-mark">{verdict(completion, required.kind)} by you: </span>
      <button type="button" class="chitl-link" onClick={onShow}>
        <bdi>{titleOf(required).text}</bdi>
      </button>
    </p>
  );
}
