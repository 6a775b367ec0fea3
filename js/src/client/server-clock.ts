/** How far the server's clock is from this page's. Pure. */

/** Less may be the way that a frame takes, and nobody sees it in a countdown. */
const NOTICED_MS = 2000;

/** Return by how many milliseconds the server's clock is ahead, from a frame that says its time. */
export function clockAhead(said: string, heardAt: number): number {
  const ahead = Date.parse(said) - heardAt;
  return Math.abs(ahead) >= NOTICED_MS ? ahead : 0;
}
