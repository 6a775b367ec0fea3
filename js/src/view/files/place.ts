/** Where a card's files are: its page's server, and its request. */
import type { Client } from "../../client/client";
import { type Endpoint, pageEndpoint } from "../../client/endpoint";
import { registry } from "../../client/registry";

export interface FilePlace {
  readonly endpoint: Endpoint;
  readonly client: Client;
  readonly requestId: string;
}

const places = new WeakMap<HTMLElement, FilePlace>();

/** Return the place of the card that an element is in; null if only the kernel reaches the server. */
export function placeOf(host: HTMLElement): FilePlace | null {
  const known = places.get(host);
  if (known !== undefined) return known;
  const endpoint = pageEndpoint(host.ownerDocument);
  const client = endpoint === null ? undefined : registry().get(endpoint.prefix)?.client;
  const { requestId, server } = host.closest<HTMLElement>("[data-request-id]")?.dataset ?? {};
  if (endpoint === null || client === undefined || requestId === undefined) return null;
  // The page's own client may linger beside a card that has gone over to its kernel.
  if (server !== undefined && server !== endpoint.prefix) return null;
  const place = { endpoint, client, requestId };
  places.set(host, place);
  return place;
}
