/**
 * One client per page and server, shared by every card on the page.
 *
 * The anywidget bundle, its copies and the lab extension are separate modules, so they share it on
 * `globalThis` under a versioned name; a bundle with another contract uses another number. The
 * first card opens the connection. It closes a little after the last card is gone, because a cell
 * that runs again replaces its card.
 */
import { Client } from "./client";
import type { Endpoint } from "./endpoint";
import { type Entry, registry } from "./registry";

/** How long the connection outlives its last card. */
const LINGER_MS = 5000;

/** A card's reference to the shared client. */
export interface Hold {
  readonly client: Client;
  release(): void;
}

export function hold(
  endpoint: Endpoint,
  create = (at: Endpoint) => new Client(at),
  lingerMs = LINGER_MS,
): Hold {
  const entries = registry();
  const entry = entries.get(endpoint.prefix) ?? open(entries, endpoint, create);
  entry.users++;
  clearTimeout(entry.closing);
  let held = true;
  return {
    client: entry.client,
    release() {
      if (!held) return;
      held = false;
      entry.users--;
      if (entry.users > 0) return;
      entry.closing = setTimeout(() => {
        entries.delete(endpoint.prefix);
        entry.detach();
        entry.client.stop();
      }, lingerMs);
    },
  };
}

function open(entries: Map<string, Entry>, endpoint: Endpoint, create: (at: Endpoint) => Client) {
  const client = create(endpoint);
  const entry: Entry = { client, users: 0, closing: undefined, detach: onReturn(client) };
  entries.set(endpoint.prefix, entry);
  client.start();
  return entry;
}

/** Try again at once when the network is back or somebody looks at the page again. */
function onReturn(client: Client): () => void {
  const retry = () => client.retryNow();
  globalThis.addEventListener?.("online", retry);
  globalThis.document?.addEventListener("visibilitychange", retry);
  return () => {
    globalThis.removeEventListener?.("online", retry);
    globalThis.document?.removeEventListener("visibilitychange", retry);
  };
}
