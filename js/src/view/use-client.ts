/** Reading the shared client from a component. */
import { useEffect, useLayoutEffect, useReducer, useRef } from "preact/hooks";
import type { Client } from "../client";

/**
 * Draw the component again whenever the client has changed since it was drawn.
 *
 * A layout effect, and a look at the version in it: a plain effect runs after the next paint,
 * which a page in the background never reaches, and what came before would go unseen.
 */
export function useClient(client: Client | null): void {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const drawn = useRef(client?.version);
  drawn.current = client?.version;
  useLayoutEffect(() => {
    if (client === null) return;
    const look = () => {
      if (client.version !== drawn.current) redraw(0);
    };
    look();
    return client.subscribe(look);
  }, [client]);
}

/** Draw the component again every half minute, for the times that it tells. */
export function useClock(): Date {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => redraw(0), 30_000);
    return () => clearInterval(timer);
  }, []);
  return new Date();
}
