/** Reading the shared client from a component. */
import { useEffect, useLayoutEffect, useReducer, useRef } from "preact/hooks";
import type { Client } from "../client";

/**
 * Return what `select` takes from the client, and draw the component again when that changes.
 *
 * A component selects as little as it shows, so that an event redraws one card of hundreds. The
 * subscription is a layout effect that looks once itself: a plain effect runs after the next
 * paint, which a page in the background never reaches, and what came before would go unseen.
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

/** Draw the component again every half minute, or as often as asked, for the times that it tells. */
export function useClock(everyMs = 30_000): Date {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => redraw(0), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return new Date();
}
