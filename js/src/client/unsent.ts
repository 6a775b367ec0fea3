/**
 * Answers that were decided while the server was away: each waits until it is back.
 *
 * Nothing here sends: a waiting answer is released when the connection is live, or taken back by
 * its person, by another decision or because somebody else closed the request. It lasts as long as
 * the page, which therefore asks before it is left, and at most an hour, because a page may sleep:
 * an approval must not go out days later.
 */
import type { Answer } from "./answers";

/** The greatest age of a decision that goes without its person. */
const MOST_MS = 3_600_000;

interface Waiting {
  readonly answer: Answer;
  readonly decidedAt: number;
  readonly date: number;
  readonly end: (send: boolean) => void;
}

export class Unsent {
  private readonly waiting = new Map<string, Waiting>();

  constructor(private readonly changed: () => void) {}

  get count(): number {
    return this.waiting.size;
  }

  get(requestId: string): Answer | null {
    return this.waiting.get(requestId)?.answer ?? null;
  }

  /** Whether a refusal waits that was decided since. */
  isRefusedSince(requestId: string, decidedAt: number): boolean {
    const waiting = this.waiting.get(requestId);
    return waiting?.answer.decision === "reject" && waiting.decidedAt >= decidedAt;
  }

  /** Wait for the server; resolves to whether the answer is to be sent. */
  wait(requestId: string, answer: Answer, decidedAt: number, date: number): Promise<boolean> {
    this.takeBack(requestId);
    return new Promise((resolve) => {
      this.waiting.set(requestId, { answer, decidedAt, date, end: resolve });
      this.guardPage();
      this.changed();
    });
  }

  takeBack(requestId: string): void {
    this.end(requestId, false);
  }

  /** The connection is back. */
  release(): void {
    for (const [id, { date }] of [...this.waiting]) this.end(id, Date.now() - date < MOST_MS);
  }

  stop(): void {
    for (const id of [...this.waiting.keys()]) this.end(id, false);
  }

  private end(requestId: string, send: boolean): void {
    const waiting = this.waiting.get(requestId);
    if (waiting === undefined) return;
    this.waiting.delete(requestId);
    this.guardPage();
    waiting.end(send);
    this.changed();
  }

  private guardPage(): void {
    const page = globalThis.window;
    if (this.waiting.size > 0) page?.addEventListener("beforeunload", askFirst);
    else page?.removeEventListener("beforeunload", askFirst);
  }
}

function askFirst(event: Event): void {
  event.preventDefault();
}
