/**
 * Cards for the requests of a list: which requests it shows, and the card of each.
 *
 * A request that closes while the list is open stays in its place as a record, so that the layout
 * does not jump; the next visit no longer shows it.
 */
import type { VNode } from "preact";
import { useRef } from "preact/hooks";
import type { Client } from "../../client/client";
import type { Request } from "../../protocol/state";
import { onlyIfChanged } from "../unchanged";
import { useClient } from "../use-client";
import { Card } from "./card";

/** Closed requests that a list keeps showing; older ones go. */
const RECORDS_KEPT = 20;

/** Return a run's questions in asking order; redraws only when one of them changes. */
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

const ListedCard = onlyIfChanged(Card);

/** Return a function that draws a request's card. */
export function cardsIn(client: Client | null, via: string): (request: Request) => VNode {
  return ({ required }) => (
    <ListedCard
      key={required.request_id}
      client={client}
      snapshot={required}
      via={via}
      alone={false}
    />
  );
}

/** Return the pending requests, those that were pending while this list was open, and the open one. */
export function useShown(
  requests: readonly Request[],
  openId: string | null = null,
): readonly Request[] {
  const seen = useRef(new Set<string>());
  for (const request of requests) {
    if (isPending(request)) seen.current.add(request.required.request_id);
  }
  const records = requests.filter(
    (request) => !isPending(request) && seen.current.has(request.required.request_id),
  );
  const kept = new Set(records.slice(-RECORDS_KEPT));
  return requests.filter(
    (request) => isPending(request) || kept.has(request) || request.required.request_id === openId,
  );
}

export function isPending({ status }: Request): boolean {
  return status === "pending";
}
