/** How far the server's clock is from this page's. Pure. */

/** A smaller difference may be a frame's travel time, and does not show in a countdown. */
const NOTICED_MS = 2000;

/** Return by how many milliseconds the server's clock is ahead, from a frame's timestamp. */
export function clockAhead(said: string, heardAt: number): number {
  const ahead = Date.parse(said) - heardAt;
  return Math.abs(ahead) >= NOTICED_MS ? ahead : 0;
}
