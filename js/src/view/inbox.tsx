/**
 * All that waits for an answer, live: the inbox page, the panel, `hitl.inbox()`.
 *
 * A request that is answered while one looks stays in its place as a record, so that nothing
 * jumps from under the hand; after the next visit it is gone.
 */
import type { VNode } from "preact";
import { useRef } from "preact/hooks";
import type { Client } from "../client";
import type { Request } from "../state";
import { Card } from "./card";
import { Connection } from "./connection";
import { useClient } from "./use-client";

interface Props {
  readonly client: Client | null;
  readonly via: string;
  readonly title: string;
  readonly testId: "hitl-inbox" | "hitl-panel";
}

/** Records that stay in sight; older ones go. */
const RECORDS_KEPT = 20;

export function Inbox({ client, via, title, testId }: Props) {
  useClient(client, (known) => known.version);
  const shown = useShown(client?.all() ?? []);
  const cards = useCards(client, via);
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
      {shown.length === 0 && <Nothing client={client} />}
      <div class="chitl-list">{shown.map(cards)}</div>
    </section>
  );
}

function Nothing({ client }: { readonly client: Client | null }) {
  if (client === null) {
    return <p class="chitl-nothing">This page is not connected to a Jupyter server.</p>;
  }
  if (client.connection.phase !== "live") return null;
  return (
    <p class="chitl-nothing">
      Nothing waits for you.
      <br />
      When a crew asks, its question appears here at once.
    </p>
  );
}

/** Return how to draw a request: the same card again and again, so that it is not drawn anew. */
function useCards(client: Client | null, via: string): (request: Request) => VNode {
  const drawn = useRef(new Map<string, VNode>());
  return ({ required }) => {
    const id = required.request_id;
    const card = drawn.current.get(id) ?? (
      <Card key={id} client={client} snapshot={required} via={via} alone={false} />
    );
    drawn.current.set(id, card);
    return card;
  };
}

/** Keep what is pending, and what was pending while this list was in sight. */
function useShown(requests: readonly Request[]): readonly Request[] {
  const seen = useRef(new Set<string>());
  for (const request of requests) {
    if (isPending(request)) seen.current.add(request.required.request_id);
  }
  const records = requests.filter(
    (request) => !isPending(request) && seen.current.has(request.required.request_id),
  );
  const kept = new Set(records.slice(-RECORDS_KEPT));
  return requests.filter((request) => isPending(request) || kept.has(request));
}

function isPending({ status }: Request): boolean {
  return status === "pending";
}
