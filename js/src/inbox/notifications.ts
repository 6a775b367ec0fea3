/**
 * When to call a person back to the page. Pure.
 *
 * A question that comes while the page is open is news, and so is a reminder; a question that was
 * open before the page is not. A notification holds no words of a question, because lock screens
 * show it.
 */

import type { Request } from "../protocol/state";
import type { Preferences } from "./preferences";
import { isQuiet } from "./preferences";

/** What the page knew at the last look; null before the end of the first replay. */
export type Known = ReadonlyMap<string, Request> | null;

export interface News {
  readonly fresh: readonly string[];
  readonly reminded: readonly string[];
}

/** Return what is new since the last look. */
export function newsOf(before: Known, pending: readonly Request[]): News {
  if (before === null) return { fresh: [], reminded: [] };
  const fresh: string[] = [];
  const reminded: string[] = [];
  for (const request of pending) {
    const id = request.required.request_id;
    const last = before.get(id);
    if (last === undefined) fresh.push(id);
    else if (isReminder(last, request)) reminded.push(id);
  }
  return { fresh, reminded };
}

/** A pending request changes by a claim, its texts or a reminder; the first two are visible. */
function isReminder(before: Request, after: Request): boolean {
  const shows = before.claimedBy !== after.claimedBy || before.required !== after.required;
  return before !== after && !shows;
}

/** Return how to call, given the settings, the time and whether somebody looks at the page. */
export function callsFor(
  news: News,
  preferences: Preferences,
  now: Date,
  looking: boolean,
): { readonly notification: string | null; readonly sound: boolean } {
  const count = news.fresh.length + news.reminded.length;
  if (count === 0 || isQuiet(preferences, now)) return { notification: null, sound: false };
  return {
    notification: preferences.notifications && !looking ? words(news) : null,
    sound: preferences.sound,
  };
}

function words({ fresh, reminded }: News): string {
  const count = fresh.length + reminded.length;
  const still = fresh.length === 0 ? "still " : "";
  const who = count === 1 ? "A crew is" : `${count} questions are`;
  return `${who} ${still}waiting for you`;
}
