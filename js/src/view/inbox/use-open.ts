/**
 * Which request of a wide inbox is open: one that the person chose, else the first that waits.
 *
 * It stays open when others come, because somebody may be reading it. After an answer from this page
 * the next one opens, and what the person did to the last one must not hit it: for a moment it takes
 * no keys and no clicks.
 */
import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Client } from "../../client/client";
import type { Request } from "../../protocol/state";
import { isPending } from "../card/request-cards";

/** How long a card that opened by itself takes no keys and no clicks: as long as a double click. */
const GUARD_MS = 500;

export interface Opened {
  readonly request: Request | null;
  /** The request that was answered before this one opened by itself, or null. */
  readonly answered: Request | null;
  /** Whether this one opened by itself a moment ago. */
  readonly isGuarded: () => boolean;
  readonly open: (id: string, enter: boolean) => void;
}

export function useOpen(
  client: Client,
  found: readonly Request[],
  pane: RefObject<HTMLElement | null>,
): Opened {
  const [chosen, choose] = useState<string | null>(null);
  const shown = useRef<string | null>(null);
  const enters = useRef(false);
  const answered = useRef<string | null>(null);
  const openedAt = useRef(Number.NEGATIVE_INFINITY);
  const waited = useRef<string | null>(null);
  const request =
    byId(found, chosen) ?? byId(found, shown.current) ?? found.find(isPending) ?? found[0] ?? null;
  const id = request?.required.request_id ?? null;
  shown.current = id;
  if (request !== null && isPending(request)) waited.current = id;
  const own = id !== null && waited.current === id && !isPendingIn(request) && client.isOwn(id);
  const next = own ? nextPending(found, id) : null;
  useLayoutEffect(() => {
    if (next === null) return;
    const active = pane.current?.ownerDocument.activeElement ?? null;
    enters.current = pane.current?.contains(active) === true;
    answered.current = id;
    openedAt.current = performance.now();
    choose(next);
  }, [next]);
  useLayoutEffect(() => {
    pane.current?.scrollTo?.({ top: 0 });
    if (!enters.current) return;
    enters.current = false;
    focusCard(pane.current);
  }, [id]);
  return {
    request,
    answered: byId(found, answered.current),
    isGuarded: () => performance.now() - openedAt.current < GUARD_MS,
    open: (wanted, enter) => {
      answered.current = null;
      openedAt.current = Number.NEGATIVE_INFINITY;
      enters.current = enter && wanted !== id;
      if (enter && wanted === id) focusCard(pane.current);
      choose(wanted);
    },
  };
}

function focusCard(pane: HTMLElement | null): void {
  pane?.querySelector<HTMLElement>("[data-testid=hitl-card]")?.focus({ preventScroll: true });
}

function byId(requests: readonly Request[], id: string | null): Request | null {
  if (id === null) return null;
  return requests.find(({ required }) => required.request_id === id) ?? null;
}

function isPendingIn(request: Request | null): boolean {
  return request !== null && isPending(request);
}

/** Return the next request that waits, below or else above; null if there is none. */
function nextPending(requests: readonly Request[], id: string): string | null {
  const at = requests.findIndex(({ required }) => required.request_id === id);
  const next =
    requests.slice(at).find(isPending) ?? requests.slice(0, at).reverse().find(isPending);
  return next?.required.request_id ?? null;
}
