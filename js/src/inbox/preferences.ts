/**
 * A person's preferences in this browser: notifications, sound, quiet hours, the time to undo.
 *
 * They are in `localStorage`, so that every card, panel and page of this origin has the same; in
 * JupyterLab the settings editor writes them there. The time to undo has its own name, which the
 * card reads (`client/undo.ts`), and so has the order of the list (`kept-order.ts`).
 */

import { UNDO_KEY, UNDO_MS, undoMs } from "../client/undo";
import { isObject } from "../protocol/decode";

export interface Preferences {
  /** Show a desktop notification when a question comes. */
  readonly notifications: boolean;
  readonly sound: boolean;
  /** Neither is used between these times of day (`HH:MM`, local); empty: no quiet hours. */
  readonly quietFrom: string;
  readonly quietTo: string;
  /** How long an approval or an outcome can be undone before it is sent; 0 sends at once. */
  readonly undoSeconds: number;
}

export const DEFAULTS: Preferences = {
  notifications: false,
  sound: false,
  quietFrom: "",
  quietTo: "",
  undoSeconds: UNDO_MS / 1000,
};

export const MOST_UNDO_SECONDS = 30;

const KEY = "crewai-hitl/preferences";
const CLOCK = /^([01]\d|2[0-3]):[0-5]\d$/;

/** Return the preferences, with defaults for what is missing or unreadable. */
export function preferencesFrom(raw: unknown): Preferences {
  const given = isObject(raw) ? raw : {};
  const flag = (name: "notifications" | "sound") =>
    typeof given[name] === "boolean" ? given[name] : DEFAULTS[name];
  const clock = (name: "quietFrom" | "quietTo") =>
    typeof given[name] === "string" && CLOCK.test(given[name]) ? given[name] : DEFAULTS[name];
  const undo = given.undoSeconds;
  return {
    notifications: flag("notifications"),
    sound: flag("sound"),
    quietFrom: clock("quietFrom"),
    quietTo: clock("quietTo"),
    undoSeconds:
      typeof undo === "number" && undo >= 0
        ? Math.min(undo, MOST_UNDO_SECONDS)
        : DEFAULTS.undoSeconds,
  };
}

export function readPreferences(): Preferences {
  try {
    const kept = preferencesFrom(JSON.parse(localStorage.getItem(KEY) ?? "null"));
    return { ...kept, undoSeconds: undoMs() / 1000 };
  } catch {
    return DEFAULTS; // storage is forbidden in some frames, or holds something else
  }
}

/** Store the preferences; false when this browser does not allow it. */
export function writePreferences(preferences: Preferences): boolean {
  try {
    const { undoSeconds, ...rest } = preferences;
    localStorage.setItem(KEY, JSON.stringify(rest));
    localStorage.setItem(UNDO_KEY, String(undoSeconds * 1000));
    return true;
  } catch {
    return false;
  }
}

/** Whether a time is in the quiet hours, which may span midnight. Pure. */
export function isQuiet({ quietFrom, quietTo }: Preferences, now: Date): boolean {
  if (quietFrom === "" || quietTo === "" || quietFrom === quietTo) return false;
  const minutes = now.getHours() * 60 + now.getMinutes();
  const [from, to] = [minutesOf(quietFrom), minutesOf(quietTo)];
  return from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to;
}

function minutesOf(clock: string): number {
  const [hours, minutes] = clock.split(":").map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
}
