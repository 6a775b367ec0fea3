/**
 * The live list of pending requests: `hitl.inbox()` in a notebook.
 *
 * The inbox page and the panel show more around the same cards (`full-inbox.tsx`).
 */
import type { Client } from "../../client/client";
import { cardsIn, isPending, useShown } from "../card/request-cards";
import { Connection } from "../connection";
import { NameOffer } from "../name-offer";
import { useClient } from "../use-client";
import { useInfiniteScroll } from "./use-infinite-scroll";

interface Props {
  readonly client: Client | null;
  readonly via: string;
  readonly title: string;
  readonly testId: "hitl-inbox" | "hitl-panel";
}

export function Inbox({ client, via, title, testId }: Props) {
  useClient(client, (known) => known.version);
  const shown = useShown(client?.all() ?? []);
  const cards = cardsIn(client, via);
  const [drawn, end] = useInfiniteScroll(shown.length);
  const count = shown.filter(isPending).length;
  return (
    <section class="chitl chitl-inbox" data-testid={testId} aria-label={title}>
      <header class="chitl-inbox-head">
        <h1>{title}</h1>
        <span class="chitl-count" data-testid="hitl-count" role="status">
          {count}
        </span>
        {client !== null && <Connection state={client.connection} />}
      </header>
      {count > 0 && <NameOffer client={client} />}
      {shown.length === 0 && <Nothing client={client} />}
      <div class="chitl-list">{shown.slice(0, drawn).map(cards)}</div>
      <div ref={end} />
    </section>
  );
}

export function Nothing({ client }: { readonly client: Client | null }) {
  if (client === null) {
    return <p class="chitl-nothing">This page is not connected to a Jupyter server.</p>;
  }
  if (client.connection.phase !== "live") return null;
  return (
    <p class="chitl-nothing">
      Nothing is waiting for you.
      <br />
      When a crew asks a question, it appears here.
    </p>
  );
}
