/**
 * Searches large questions on the server, because the page does not have their texts.
 *
 * The server is asked only while there are such questions; `filters.ts` searches the others.
 */
import { useEffect, useReducer, useRef } from "preact/hooks";
import type { Endpoint } from "../../client/endpoint";
import { listingParameters, NO_FILTERS } from "../../inbox/filters";
import { History } from "../../inbox/history";
import type { Request } from "../../protocol/state";

/** Delay of a search while somebody types. */
const TYPING_MS = 200;

export interface Searched {
  /** The requests that the server found. */
  readonly ids: ReadonlySet<string>;
  /** A note about the search for people, or "". */
  readonly note: string;
}

const NOTHING: Searched = { ids: new Set(), note: "" };

export function useServerSearch(
  endpoint: Endpoint,
  text: string,
  shown: readonly Request[],
): Searched {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const listing = useRef<History | null>(null);
  listing.current ??= new History(endpoint, () => redraw(0));
  const { q } = listingParameters({ ...NO_FILTERS, text }, new Map());
  const large = shown.filter(({ required }) => required.brief).at(-1);
  const wanted = q !== undefined && large !== undefined;
  const { pages } = listing.current;
  useEffect(() => {
    if (!wanted) return;
    void listing.current?.open({ q, status: "pending", texts: "brief" }, TYPING_MS);
    return () => listing.current?.stop();
  }, [wanted, q, large?.required.request_id]);
  useEffect(() => {
    if (wanted && pages.phase === "ready" && pages.more) void listing.current?.older();
  }, [wanted, pages]);
  if (!wanted) return NOTHING;
  const ids = new Set(pages.requests.map(({ required }) => required.request_id));
  return { ids, note: NOTES[pages.phase] };
}

const NOTES: Readonly<Record<History["pages"]["phase"], string>> = {
  loading: "Searching long questions…",
  ready: "",
  failed: "Long questions could not be searched. Change the search to try again.",
  forbidden: "You do not have permission to search long questions.",
};
