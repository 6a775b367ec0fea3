/**
 * Keeps what a person has written and not sent in this browser, by server and request.
 *
 * In `localStorage`, so that it survives closing the tab, for a bounded number of requests and days;
 * a very large one only as long as its tab. It is gone once the request is closed. What was written
 * on this page counts first, as long as the page: storage may be full, forbidden, or another tab's.
 */
import { isObject } from "../protocol/decode";

const PREFIX = "crewai-hitl/draft/";

/** The newest are kept. Most origins have room for 5 million characters. */
const MOST_DRAFTS = 50;
const MOST_CHARS = 60_000;
const MOST_MS = 30 * 24 * 3600 * 1000;

const onPage = new Map<string, object>();

export function readDraft(server: string, requestId: string): unknown {
  const mine = onPage.get(keyOf(server, requestId));
  if (mine !== undefined) return mine;
  for (const storage of storages()) {
    const draft = parsed(storage, keyOf(server, requestId));
    if (draft !== null) return draft;
  }
  return null;
}

/** Keep a draft, or none if it is null. */
export function keepDraft(server: string, requestId: string, draft: object | null): void {
  const key = keyOf(server, requestId);
  onPage.delete(key);
  if (draft !== null) onPage.set(key, draft);
  for (const oldest of onPage.keys()) if (onPage.size > MOST_DRAFTS) onPage.delete(oldest);
  store(key, draft);
}

/** The request is closed: its words stay on this page only, to be copied. */
export function endDraft(server: string, requestId: string): void {
  store(keyOf(server, requestId), null);
}

function store(key: string, draft: object | null): void {
  const now = Date.now();
  const text = draft === null ? null : JSON.stringify({ ...draft, at: now });
  const [tab, browser] = storages();
  try {
    if (text === null) {
      tab?.removeItem(key);
      browser?.removeItem(key);
    } else if (browser === undefined || text.length > MOST_CHARS) {
      tab?.setItem(key, text);
      browser?.removeItem(key);
    } else {
      browser.setItem(key, text); // if it fails, the last one stays
      tab?.removeItem(key);
      dropOld(browser, now);
    }
  } catch {
    // Full: the text is still on screen.
  }
}

/** Some frames have no storage; a draft then lasts as long as its card. */
function storages(): readonly Storage[] {
  try {
    return [sessionStorage, localStorage];
  } catch {
    return [];
  }
}

function keyOf(server: string, requestId: string): string {
  return `${PREFIX}${server} ${requestId}`;
}

function dropOld(storage: Storage, now: number): void {
  const keys = Array.from({ length: storage.length }, (_, number) => storage.key(number) ?? "");
  const drafts = keys
    .filter((key) => key.startsWith(PREFIX))
    .map((key) => ({ key, at: timeOf(parsed(storage, key)) }))
    .sort((a, b) => b.at - a.at);
  drafts.forEach(({ key, at }, number) => {
    if (number >= MOST_DRAFTS || at < now - MOST_MS) storage.removeItem(key);
  });
}

function timeOf(draft: unknown): number {
  return isObject(draft) && typeof draft.at === "number" ? draft.at : 0;
}

function parsed(storage: Storage, key: string): unknown {
  try {
    return JSON.parse(storage.getItem(key) ?? "null");
  } catch {
    return null; // another version's
  }
}
