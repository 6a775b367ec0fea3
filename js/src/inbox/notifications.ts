/**
 * When to call somebody back to the page. Pure.
 *
 * What waited when the page came up is no news; a question that comes later is, and so is one
 * whose reminder is due. No word of a question is in what is shown: a desktop notification
 * lies on lock screens.
 */

import type { Request } from "../protocol/state";
import type { Preferences } from "./preferences";
import { isQuiet } from "./preferences";

/** What the page knew when it looked last; null before the first replay was over. */
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

/** A pending request changes by a claim, by its texts or by its reminder, and the others show. */
function isReminder(before: Request, after: Request): boolean {
  const shows = before.claimedBy !== after.claimedBy || before.required !== after.required;
  return before !== after && !shows;
}

/** How to call, given the settings, the hour and whether the page is being looked at. */
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
  if (fresh.length === 0) return count === 1 ? "A crew still waits for you" : STILL(count);
  return count === 1 ? "A crew waits for you" : `${count} questions wait for you`;
}

const STILL = (count: number) => `${count} questions still wait for you`;
