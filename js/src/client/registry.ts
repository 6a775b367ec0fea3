/** Where the bundles of a page find the client that they share (`shared.ts`), by its server. */
import type { Client } from "./client";

export interface Entry {
  readonly client: Client;
  users: number;
  closing: ReturnType<typeof setTimeout> | undefined;
  readonly detach: () => void;
}

/** Raise it with every change of the interface that `Client` has for views. */
const CONTRACT = 9;
const KEY = Symbol.for(`crewai-hitl-nb/client/${CONTRACT}`);

export function registry(): Map<string, Entry> {
  const page = globalThis as { [KEY]?: Map<string, Entry> };
  page[KEY] ??= new Map();
  return page[KEY];
}
