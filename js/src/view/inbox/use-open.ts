/**
 * Which request of a wide inbox is open: one that the person chose, else the first that waits.
 *
 * It stays open when others come, because somebody may be reading it. After an answer from this page
 * the next one opens. What the person did to the last one must not hit a card that opened by itself:
 * it takes no keys and no clicks that come before it is on screen, or in the moment after.
 */
import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Client } from "../../client/client";
import type { Request } from "../../protocol/state";
import { isPending } from "../card/request-cards";

/** How long a card that opened by itself takes no keys and no clicks: as long as a double click. */
const GUARD_MS = 500;
const NOT_SEEN = Number.POSITIVE_INFINITY;

export interface Opened {
  readonly request: Request | null;
  /** The request that was answered before this one opened by itself, or null. */
  readonly answered: Request | null;
  /** Whether the person cannot have meant this card, which opened by itself. */
  readonly isGuarded: (event: Event) => boolean;
  readonly open: (id: string, enter: boolean) => void;
}

export function useOpen(
  client: Client,
  found: readonly Request[],
  pane: RefObject<HTMLElement | null>,
  shown: RefObject<string | null>,
): Opened {
  const [chosen, choose] = useState<string | null>(null);
  const asked = useRef<string | null>(null);
  const enters = useRef(false);
  const answered = useRef<string | null>(null);
  const guard = useGuard();
  const waited = useRef<string | null>(null);
  const request =
    byId(found, chosen) ?? byId(found, shown.current) ?? found.find(isPending) ?? found[0] ?? null;
  const id = request?.required.request_id ?? null;
  if (id !== shown.current && id !== asked.current) {
    enters.current = hasFocus(pane.current);
    guard.set(shown.current !== null);
  }
  shown.current = id;
  if (request !== null && isPending(request)) waited.current = id;
  const own = id !== null && waited.current === id && !isPendingIn(request) && client.isOwn(id);
  const next = own ? nextPending(found, id) : null;
  useLayoutEffect(() => {
    if (next === null) return;
    answered.current = id;
    choose(next);
  }, [next]);
  useLayoutEffect(() => {
    asked.current = null;
    pane.current?.scrollTo?.({ top: 0 });
    guard.begin();
    if (!enters.current) return;
    enters.current = false;
    focusCard(pane.current);
  }, [id]);
  return {
    request,
    answered: byId(found, answered.current),
    isGuarded: guard.isOn,
    open: (wanted, enter) => {
      answered.current = null;
      guard.set(false);
      asked.current = wanted;
      enters.current = enter && wanted !== id;
      if (enter && wanted === id) focusCard(pane.current);
      choose(wanted);
    },
  };
}

/** A card that opened by itself is guarded until it has been on screen for a moment. */
function useGuard() {
  const until = useRef(0);
  return {
    set: (on: boolean) => {
      until.current = on ? NOT_SEEN : 0;
    },
    /** Count from when what was drawn is on screen, which a busy page delays. */
    begin: () => {
      const seen = () => {
        if (until.current === NOT_SEEN) until.current = performance.now() + GUARD_MS;
      };
      requestAnimationFrame(() => setTimeout(seen));
    },
    isOn: ({ timeStamp }: Event) => timeStamp < until.current,
  };
}

function hasFocus(pane: HTMLElement | null): boolean {
  return pane?.contains(pane.ownerDocument.activeElement) === true;
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
