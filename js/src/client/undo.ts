/**
 * Holds an answer for a moment, so that it can be taken back. A refusal is never held.
 *
 * It is never lost silently: it is sent when the time is over, or when the page is left. While its
 * card is away, the client keeps it for the next card of the request. If somebody else closes the
 * request meanwhile it is dropped, and the card says so.
 */

/** How long a decision can be taken back, unless the person has set another time. */
export const UNDO_MS = 3000;

/** Where the person's own time is kept, in milliseconds; 0 sends at once. */
export const UNDO_KEY = "crewai-hitl/undo-ms";

/** The most: a crew waits, and a person believes that they have answered. */
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

/** How a hold ended: its answer is sent as usual, or while the page is being left. */
export type Release = "due" | "leaving";

export class Hold {
  private readonly dueAt: number;
  private readonly timer: ReturnType<typeof setTimeout>;
  private ended = false;

  constructor(
    ms: number,
    /** Called once, when the answer is sent or taken back. */
    private readonly onEnd: () => void,
    /** Sends it; the card that shows it may change. */
    public onRelease: (how: Release) => void,
  ) {
    this.dueAt = performance.now() + ms;
    this.timer = setTimeout(() => this.release("due"), ms);
    globalThis.window?.addEventListener("pagehide", this.leave);
  }

  get isOver(): boolean {
    return this.ended;
  }

  get msLeft(): number {
    return Math.max(0, this.dueAt - performance.now());
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
    this.onEnd();
    return true;
  }
}
