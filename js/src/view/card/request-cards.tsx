/**
 * What waits, as cards: which requests a list shows, and the card of each.
 *
 * A request that is answered while one looks stays in its place as a record, so that nothing
 * jumps from under the hand; after the next visit it is gone.
 */
import type { VNode } from "preact";
import { useRef } from "preact/hooks";
import type { Client } from "../../client/client";
import type { Request } from "../../protocol/state";
import { useClient } from "../use-client";
import { Card } from "./card";

/** Records that stay in sight; older ones go. */
const RECORDS_KEPT = 20;

/** The run's questions, in asking order; drawn again only when one of them changes. */
export function useRequests(client: Client | null, executionId: string | null): readonly Request[] {
  const of = (known: Client) =>
    executionId === null
      ? []
      : known.all().filter(({ required }) => required.execution_id === executionId);
  useClient(client, (known) =>
    of(known)
      .map(({ required, status }) => `${required.request_id} ${status}`)
      .join(),
  );
  return client === null ? [] : of(client);
}

/** Return how to draw a request: the same card again and again, so that it is not drawn anew. */
export function useCards(client: Client | null, via: string): (request: Request) => VNode {
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
export function useShown(requests: readonly Request[]): readonly Request[] {
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

export function isPending({ status }: Request): boolean {
  return status === "pending";
}
