/**
 * Sending an answer so that it counts at most once.
 *
 * It goes by the open WebSocket, which is fastest. Without one, or when it is lost before the
 * acknowledgement, the same answer goes by POST under the same Idempotency-Key. Nothing here decides
 * what the answer is, and no failure ever becomes one. No approval from this page overtakes a
 * refusal: an approval that is still being sent is not sent again, none is sent before the outcome
 * of the refusal is known, and none that was decided before a refusal that failed is sent at all.
 */
import {
  type ClosingEvent,
  type Control,
  decodeClosing,
  isObject,
  type Refusal,
} from "../protocol/decode";
import type { RuleScope } from "../protocol/rules";
import type { Endpoint } from "./endpoint";
import { post, type Reply } from "./http";
import { isRetryStatus, pauseMs } from "./resume";

/** A person's answer; `via` names the surface. */
export interface Answer {
  readonly human_feedback: string;
  readonly decision: "approve" | "respond" | "edit" | "reject";
  readonly options: readonly string[] | null;
  /** The filled form; undefined where there is none. */
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  readonly via: string;
  /** What else the person allows with it. */
  readonly rule?: RuleScope | undefined;
}

export type Outcome =
  | { readonly kind: "accepted"; readonly event: ClosingEvent | null }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "unreachable" };

/** When an answer was decided, and when it may go. */
export interface Timing {
  /** As `performance.now()` counts; now, if left out. */
  readonly decidedAt?: number;
  /** Resolves when the answer may be sent, with a function to call when it was sent. */
  readonly turn?: () => Promise<() => void>;
}

/** How long an acknowledgement may take before the answer is sent by POST as well. */
const ACK_MS = 4000;

/** Failed POSTs before the person is asked to try again; the pauses add up to some seconds. */
const ATTEMPTS = 6;

/** The longest pause after which an answer is sent again without asking the person. */
const PATIENCE_MS = 5000;

/**
 * Bytes of all answers that are held at one time. A page that is left sends them together, and
 * browsers allow its calls 65,536 bytes in total (the Fetch standard, on `keepalive`).
 */
const LEAVING_BYTES = 60_000;

/** The time of a decision that no refusal overtakes: that of a refusal. */
const NEVER_OVERTAKEN = Number.POSITIVE_INFINITY;

type Acknowledgement = Extract<Control, { ref: string | null }>;

export class Answers {
  private readonly calls = new Map<string, (reply: Acknowledgement | null) => void>();
  /** The last Idempotency-Key for each request: the same answer, sent again, has the same key. */
  private readonly idempotencyKeys = new Map<
    string,
    { readonly content: string; readonly key: string }
  >();
  /** The refusals that are being sent. */
  private readonly refusals = new Map<string, Promise<Outcome>>();
  /** When each refusal was decided that may not have arrived. */
  private readonly refusedAt = new Map<string, number>();
  /** Requests of which it is not known whether an answer has arrived: one was sent, without a reply. */
  private readonly uncertain = new Set<string>();
  private leavingBytes = 0;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly sendFrame: (frame: object) => boolean,
    private readonly random: () => number,
  ) {}

  send(requestId: string, answer: Answer, timing: Timing = {}): Promise<Outcome> {
    if (answer.decision === "reject") return this.refuse(requestId, answer, timing);
    const { decidedAt = performance.now() } = timing;
    return inTurn(timing, () => this.sendUnlessRefused(requestId, answer, decidedAt));
  }

  private sendUnlessRefused(id: string, answer: Answer, decidedAt: number): Promise<Outcome> {
    const refusal = this.refusals.get(id);
    return refusal === undefined
      ? this.sendUnlessOvertaken(id, answer, decidedAt)
      : this.sendAfter(refusal, id, answer, decidedAt);
  }

  private async sendAfter(
    refusal: Promise<Outcome>,
    id: string,
    answer: Answer,
    decidedAt: number,
  ): Promise<Outcome> {
    const outcome = await refusal;
    if (outcome.kind === "unreachable") return outcome; // it may still arrive
    return this.sendUnlessOvertaken(id, answer, decidedAt);
  }

  private async sendUnlessOvertaken(
    id: string,
    answer: Answer,
    decidedAt: number,
  ): Promise<Outcome> {
    if (this.isRefusedSince(id, decidedAt)) return { kind: "unreachable" };
    return this.deliver(id, answer, decidedAt);
  }

  private async refuse(requestId: string, answer: Answer, timing: Timing): Promise<Outcome> {
    this.refusedAt.set(requestId, timing.decidedAt ?? performance.now());
    const sent = inTurn(timing, () => this.deliver(requestId, answer, NEVER_OVERTAKEN));
    this.refusals.set(requestId, sent);
    const outcome = await sent;
    if (outcome.kind !== "unreachable") this.refusedAt.delete(requestId);
    if (this.refusals.get(requestId) === sent) this.refusals.delete(requestId);
    return outcome;
  }

  private isRefusedSince(requestId: string, decidedAt: number): boolean {
    return (this.refusedAt.get(requestId) ?? Number.NEGATIVE_INFINITY) >= decidedAt;
  }

  private async deliver(requestId: string, answer: Answer, decidedAt: number): Promise<Outcome> {
    const key = this.keyOf(requestId, answer);
    const byFrame = await this.sendByFrame(requestId, answer, key);
    const outcome = byFrame ?? (await this.sendByPost(requestId, answer, key, decidedAt));
    if (outcome.kind === "unreachable") return outcome;
    this.uncertain.delete(requestId);
    if (this.isLatest(requestId, key)) this.idempotencyKeys.delete(requestId);
    return outcome;
  }

  /** Whether an answer was sent to which no reply came: its bytes may still be on their way. */
  isUncertain(requestId: string): boolean {
    return this.uncertain.has(requestId);
  }

  /**
   * Reserve room to send an answer while the page is left, or return null if there is too little.
   * Call the result when the answer is sent or taken back.
   */
  reserveLeaving(answer: Answer): (() => void) | null {
    const { length } = new TextEncoder().encode(JSON.stringify(answer));
    if (this.leavingBytes + length > LEAVING_BYTES) return null;
    this.leavingBytes += length;
    return () => {
      this.leavingBytes -= length;
    };
  }

  /**
   * Send an answer from a page that is being left: one call that outlives the page.
   *
   * A WebSocket is closed with its page, and loses what it has not written yet. Nobody waits for
   * the reply.
   */
  sendLeaving(requestId: string, answer: Answer, decidedAt: number): void {
    const refused = this.refusals.has(requestId) || this.isRefusedSince(requestId, decidedAt);
    if (answer.decision !== "reject" && refused) return;
    const headers = { "Idempotency-Key": this.keyOf(requestId, answer) };
    void post(this.endpoint, answerPath(requestId), answer, headers, true);
  }

  /** Take the reply to a frame; false when the frame was not one of these. */
  acknowledge(frame: Acknowledgement): boolean {
    const resolve = this.calls.get(frame.ref ?? "");
    resolve?.(frame);
    return resolve !== undefined;
  }

  /** The connection is lost: the replies that are still missing will not come. */
  connectionLost(): void {
    for (const resolve of [...this.calls.values()]) resolve(null);
  }

  private async sendByFrame(id: string, answer: Answer, key: string): Promise<Outcome | null> {
    const ref = newKey();
    const sent = this.sendFrame({
      type: "answer",
      ref,
      request_id: id,
      ...answer,
      idempotency_key: key,
    });
    if (!sent) return null;
    this.uncertain.add(id);
    const reply = await this.reply(ref);
    if (reply === null) return null;
    if (reply.type === "ack") return accepted(reply.body);
    const again = isRetryStatus(reply.status) || reply.status >= 500; // the POST finds out
    return again ? null : { kind: "refused", refusal: reply };
  }

  private reply(ref: string): Promise<Acknowledgement | null> {
    return new Promise((resolve) => {
      const settle = (reply: Acknowledgement | null) => {
        clearTimeout(timer);
        this.calls.delete(ref);
        resolve(reply);
      };
      const timer = setTimeout(() => settle(null), ACK_MS);
      this.calls.set(ref, settle);
    });
  }

  private async sendByPost(
    id: string,
    answer: Answer,
    key: string,
    decidedAt: number,
  ): Promise<Outcome> {
    const path = answerPath(id);
    for (let attempt = 1; ; attempt++) {
      const overtaken = !this.isLatest(id, key) || this.isRefusedSince(id, decidedAt);
      if (overtaken) return { kind: "unreachable" }; // another answer was given since
      const reply: Reply = await post(this.endpoint, path, answer, { "Idempotency-Key": key });
      if (reply.kind === "ok") return accepted(reply.body);
      if (reply.kind === "refused") return reply;
      this.uncertain.add(id); // a gateway that failed may have passed it on
      if (attempt === ATTEMPTS) return reply;
      const retryAfterMs = reply.retryAfterMs ?? 0;
      if (retryAfterMs > PATIENCE_MS) return reply; // the person decides when to try again
      await pause(Math.max(retryAfterMs, pauseMs(attempt, this.random)));
    }
  }

  private isLatest(requestId: string, key: string): boolean {
    return this.idempotencyKeys.get(requestId)?.key === key;
  }

  private keyOf(requestId: string, answer: Answer): string {
    const content = JSON.stringify(answer);
    const last = this.idempotencyKeys.get(requestId);
    if (last?.content === content) return last.key;
    const key = newKey();
    this.idempotencyKeys.set(requestId, { content, key });
    return key;
  }
}

/** Send at once, in this task of the page, or when its turn comes. */
function inTurn({ turn }: Timing, send: () => Promise<Outcome>): Promise<Outcome> {
  return turn === undefined ? send() : sendLater(turn, send);
}

async function sendLater(
  turn: () => Promise<() => void>,
  send: () => Promise<Outcome>,
): Promise<Outcome> {
  const over = await turn();
  try {
    return await send();
  } finally {
    over();
  }
}

function answerPath(requestId: string): string {
  return `requests/${encodeURIComponent(requestId)}/answer`;
}

function accepted(body: unknown): Outcome {
  return { kind: "accepted", event: isObject(body) ? decodeClosing(body.event) : null };
}

/** Not by `crypto.randomUUID`, which pages served by plain HTTP under a host name lack. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
