/** Hooks for components that read the shared client. */
import { createContext } from "preact";
import { useContext, useEffect, useLayoutEffect, useReducer, useRef } from "preact/hooks";
import type { Client } from "../client/client";
import { type TimeLeft, timeLeft } from "./countdown";

/** The client whose server's clock the views use; without one they use the page's own. */
export const Clock = createContext<Client | null>(null);

/**
 * Return what `select` reads from the client, and redraw the component when that changes.
 *
 * A component selects only what it shows, so that an event redraws one card of hundreds. The
 * subscription is a layout effect, which also checks once for changes: a plain effect runs after the
 * next paint, which a background page never reaches, so earlier changes would be missed.
 */
export function useClient<T>(client: Client | null, select: (client: Client) => T): T | null {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const current = client === null ? null : select(client);
  const drawn = useRef({ current, select });
  drawn.current = { current, select };
  useLayoutEffect(() => {
    if (client === null) return;
    const look = () => {
      if (drawn.current.select(client) !== drawn.current.current) redraw(0);
    };
    look();
    return client.subscribe(look);
  }, [client]);
  return current;
}

/**
 * Return the server's time, and redraw the component every half minute or at `everyMs`.
 *
 * All times on the screen come from the server, and a browser's clock may be wrong by hours.
 */
export function useClock(everyMs = 30_000): Date {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => redraw(0), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return useNow();
}

/** Return the server's time. */
export function useNow(): Date {
  const ahead = useClient(useContext(Clock), (known) => known.clockAheadMs) ?? 0;
  return new Date(Date.now() + ahead);
}

/** Return the time left until a deadline, and redraw the component as it changes. */
export function useTimeLeft(askedAt: string, expiresAt: string | null): TimeLeft | null {
  const every = timeLeft(askedAt, expiresAt, useNow())?.every;
  return timeLeft(askedAt, expiresAt, useClock(every));
}
