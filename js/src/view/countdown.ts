/** The time left to answer. Pure: the clock is a parameter. */

export interface TimeLeft {
  readonly text: string;
  /** Whether the deadline is near, which is shown by colour. */
  readonly urgent: boolean;
  /** How often the text changes, in milliseconds. */
  readonly every: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The last fifth of the time is urgent, within these bounds in milliseconds. */
const URGENT = { share: 0.2, least: 30_000, most: 5 * MINUTE };

/** Return the time left until the deadline, or null without a valid deadline. */
export function timeLeft(askedAt: string, expiresAt: string | null, now: Date): TimeLeft | null {
  const end = Date.parse(expiresAt ?? "");
  if (Number.isNaN(end)) return null;
  const left = end - now.getTime();
  const whole = end - Date.parse(askedAt);
  const near = Math.min(Math.max(whole * URGENT.share, URGENT.least), URGENT.most);
  return {
    text: left <= 0 ? "time is up" : `${clock(left)} left`,
    urgent: left <= near,
    every: left > HOUR ? MINUTE / 2 : 1000,
  };
}

/** "4:07" below an hour, "2 h 5 min" below two days, then "3 days". */
function clock(ms: number): string {
  if (ms < HOUR) {
    const seconds = Math.ceil(ms / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
  const minutes = Math.round(ms / MINUTE);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.round(minutes / (24 * 60))} days`;
}
