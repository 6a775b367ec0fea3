/**
 * An approval that waits a moment, so that it can be taken back. A refusal never waits.
 *
 * Whatever happens in that moment, it is never lost without a word: it is sent when the time is
 * over, when the page is left, or when whoever holds it lets go; and if the request is closed
 * by somebody else it is dropped by `drop`, and the holder says so.
 */

/** How long a decision can be taken back, unless the person has set another time. */
export const UNDO_MS = 3000;

/** Where the person's own time is kept, in milliseconds; 0 sends at once. */
export const UNDO_KEY = "crewai-hitl/undo-ms";

/** No longer than this: a crew waits, and somebody thinks that it has been answered. */
const MOST_MS = 60_000;

export function undoMs(): number {
  try {
    const text = localStorage.getItem(UNDO_KEY) ?? "";
    const set = text.trim() === "" ? Number.NaN : Number(text);
    return Number.isFinite(set) ? Math.min(Math.max(set, 0), MOST_MS) : UNDO_MS;
  } catch {
    return UNDO_MS; // storage is forbidden in some frames
  }
}

/** How a hold ended: its answer goes the usual way, or with the page that is being left. */
export type Release = "due" | "leaving";

export class Hold {
  private readonly timer: ReturnType<typeof setTimeout>;
  private ended = false;

  constructor(
    readonly ms: number,
    private readonly onRelease: (how: Release) => void,
  ) {
    this.timer = setTimeout(() => this.release("due"), ms);
    globalThis.window?.addEventListener("pagehide", this.leave);
  }

  /** Send it now. */
  release(how: Release = "due"): void {
    if (this.end()) this.onRelease(how);
  }

  /** Take it back; false when it has been sent already. */
  drop(): boolean {
    return this.end();
  }

  private readonly leave = () => this.release("leaving");

  private end(): boolean {
    if (this.ended) return false;
    this.ended = true;
    clearTimeout(this.timer);
    globalThis.window?.removeEventListener("pagehide", this.leave);
    return true;
  }
}
