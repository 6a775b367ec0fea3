/**
 * What this page knows of the log: one client for all cards on the page, from every bundle.
 *
 * The views read it and subscribe; it uses the link, the lookups and the answers. It is plain
 * state and callbacks without a view library, because the cards that share it may come from
 * different bundles (see `shared.ts`).
 */

import type { Decoded } from "../protocol/decode";
import {
  EVENT_TYPES,
  HEARTBEAT_SECONDS,
  type HumanInputClaimed,
  type HumanInputRequired,
  REVOKED_TYPE,
  RUN_TYPES,
  type RunStarted,
} from "../protocol/gen";
import { type Request, step } from "../protocol/state";
import { type Answer, Answers, type Outcome, type Timing } from "./answers";
import { Claims } from "./claims";
import type { Endpoint } from "./endpoint";
import { Identity } from "./identity";
import { Link, type LinkListener, type LinkOptions, OPENING_MS } from "./link";
import { type Found, Lookup } from "./lookup";
import { type LinkState, START, upgradeInMs } from "./resume";
import { Rules } from "./rules";
import { type FollowedRun, Runs } from "./runs";
import { clockAhead } from "./server-clock";
import { Texts } from "./texts";
import { connectComm } from "./transports/comm";
import { connectPoll } from "./transports/poll";
import { connectSse } from "./transports/sse";
import { connectWebSocket } from "./transports/websocket";
import type { Hold } from "./undo";
import { Unsent } from "./unsent";

/** Tests pass shorter times and other transports. */
export type ClientOptions = Partial<Omit<LinkOptions, "endpoint" | "types">> & {
  /** Milliseconds before looking again for a process that was not there. */
  readonly againMs?: number;
};

const CONNECT = {
  websocket: connectWebSocket,
  sse: connectSse,
  poll: connectPoll,
  comm: connectComm,
};

/** A held answer whose card is away. */
export interface Kept {
  readonly hold: Hold;
  readonly answer: Answer;
  readonly decidedAt: number;
}

/** How long a replay may take before what it has brought so far is shown. */
const REPLAY_SHOWN_MS = 250;

export class Client {
  /** Counts every change, so that views compare a number. */
  version = 0;
  connection: LinkState = START;
  /** Milliseconds by which the server's clock, which times the events, is ahead of ours. */
  clockAheadMs = 0;
  /** Who the reader is to others. */
  readonly identity: Identity;

  /** What people allowed beyond one call. */
  readonly rules: Rules;

  private readonly requests = new Map<string, Request>();
  /**
   * Requests whose state is unknown, and when they were asked: those that a card shows and
   * the stream has not brought, and pending ones that a replay from the start left out.
   */
  private readonly awaited = new Map<string, string>();
  /** Requests whose answer was given on this page, and accepted. */
  private readonly own = new Set<string>();
  /** Requests that the server does not know. */
  private readonly gone = new Set<string>();
  /** Pending requests that a replay from the start has confirmed so far; null outside one. */
  private confirmed: Set<string> | null = null;
  /** When the listeners were last called, or the replay began. */
  private toldAt = 0;
  private readonly listeners = new Set<() => void>();
  private readonly link: Link;
  private readonly answers: Answers;
  private readonly lookup: Lookup;
  private readonly runs: Runs;
  private readonly texts: Texts;
  private readonly unsent = new Unsent(() => this.notify());
  private readonly claims: Claims;
  private readonly kept = new Map<string, Kept>();

  /** Where the server is, which tells its requests from those of another one. */
  readonly server: string;

  constructor(endpoint: Endpoint, options: ClientOptions = {}) {
    this.server = endpoint.prefix;
    this.claims = new Claims(endpoint, () => this.notify());
    const random = options.random ?? Math.random;
    this.answers = new Answers(endpoint, (frame) => this.link.send(frame), random);
    this.rules = new Rules(endpoint, () => this.notify());
    this.lookup = new Lookup(
      endpoint,
      (id) => this.awaited.has(id),
      (id, found) => this.learn(id, found),
    );
    this.runs = new Runs(
      endpoint,
      (decoded) => this.heard(decoded),
      () => this.notify(),
      options.againMs,
    );
    this.texts = new Texts(
      endpoint,
      (id) => this.requests.get(id)?.required.brief === true,
      (request) => this.complete(request),
      () => this.notify(),
    );
    this.identity = new Identity(
      endpoint,
      () => this.notify(),
      () => this.link.reopen(),
    );
    this.link = new Link(
      {
        endpoint,
        random,
        types: [...EVENT_TYPES, ...RUN_TYPES, REVOKED_TYPE],
        heartbeatMs: options.heartbeatMs ?? HEARTBEAT_SECONDS * 1000,
        openingMs: options.openingMs ?? OPENING_MS,
        upgradeInMs: options.upgradeInMs ?? upgradeInMs,
        connect: options.connect ?? CONNECT,
      },
      this.linkListener(),
    );
  }

  start(): void {
    this.link.start();
  }

  /** Cut a pause between two attempts short. */
  retryNow(): void {
    this.link.retryNow();
  }

  stop(): void {
    for (const { hold } of [...this.kept.values()]) hold.release();
    this.link.stop();
    this.identity.stop();
    this.lookup.stop();
    this.runs.stop();
    this.texts.stop();
    this.unsent.stop();
    this.answers.connectionLost();
    this.listeners.clear();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  request(id: string): Request | undefined {
    return this.requests.get(id);
  }

  /** Whether the server has replied that it does not know this request. */
  isGone(id: string): boolean {
    return this.gone.has(id);
  }

  /** Whether the answer that counts was given on this page. */
  isOwn(id: string): boolean {
    return this.own.has(id);
  }

  /** The request whose answer made a rule, if this page knows it. */
  madeRule(id: string): Request | undefined {
    return this.all().find(({ completion }) => completion?.event_id === id);
  }

  /** All requests that this page knows, in the order in which they were asked. */
  all(): readonly Request[] {
    return [...this.requests.values()];
  }

  /** Take in a request from the server's listing that this page does not know. */
  learned(request: Request): void {
    const id = request.required.request_id;
    if (!this.requests.has(id)) this.put(id, request);
  }

  /** Find out what became of a question that a card shows. */
  expect(required: HumanInputRequired): void {
    const id = required.request_id;
    if (this.requests.has(id) || this.awaited.has(id)) return;
    this.awaited.set(id, required.timestamp);
    if (this.connection.phase === "live") this.lookup.ask(id, required.timestamp);
  }

  /** Fetch the texts of a large question while a card shows it; call the result to stop. */
  showTexts(id: string): () => void {
    return this.texts.show(id);
  }

  /** Why the texts of a large question could not be fetched, or null. */
  textTrouble(id: string): string | null {
    return this.texts.trouble(id);
  }

  /** Try that again. */
  loadTextsAgain(id: string): void {
    this.texts.again(id);
  }

  /** Read the past of a run that a view shows, and follow it from here on. */
  follow(executionId: string, snapshot: RunStarted | null): void {
    const fresh = this.runs.follow(executionId, snapshot);
    if (fresh && this.connection.phase === "live") void this.runs.read(executionId);
  }

  /** The state of a run that this page follows. */
  run(executionId: string): FollowedRun | undefined {
    return this.runs.get(executionId);
  }

  /** Ask for a run to be stopped; returns why that failed, or null. */
  cancelRun(executionId: string, via: string): Promise<string | null> {
    return this.runs.cancel(executionId, via);
  }

  /**
   * Send an answer. While the server is away it waits for it, unless it has a turn among others;
   * it is unreachable if that was taken back, or if the server is there and does not reply. What is
   * decided offline is not tried before: what was tried may arrive, and cannot be taken back.
   */
  async answer(id: string, answer: Answer, timing: Timing = {}): Promise<Outcome> {
    const decidedAt = timing.decidedAt ?? performance.now();
    if (this.unsent.isRefusedSince(id, decidedAt)) return { kind: "unreachable" };
    this.unsent.takeBack(id); // the latest decision counts
    const date = Date.now(); // `performance.now()` may stand still while the computer sleeps
    const waits = this.connection.phase === "offline" && timing.turn === undefined;
    let outcome: Outcome = waits
      ? { kind: "unreachable" }
      : await this.answers.send(id, answer, { ...timing, decidedAt });
    while (this.isAway(outcome) && timing.turn === undefined) {
      if (this.unsent.isRefusedSince(id, decidedAt)) return outcome;
      if (!(await this.unsent.wait(id, answer, decidedAt, date))) return outcome;
      outcome = await this.answers.send(id, answer, { decidedAt });
    }
    if (outcome.kind === "accepted") this.own.add(id);
    const event = outcome.kind === "unreachable" ? null : closingOf(outcome);
    if (event !== null) this.heard({ kind: "event", event });
    if (outcome.kind === "accepted") this.notify(); // the stream may have been faster
    return outcome;
  }

  private isAway({ kind }: Outcome): boolean {
    return kind === "unreachable" && this.connection.phase !== "live";
  }

  /** The answer that waits for the server to be back, or null. */
  unsentAnswer(id: string): Answer | null {
    return this.unsent.get(id);
  }

  /** How many answers wait for the server to be back. */
  get unsentCount(): number {
    return this.unsent.count;
  }

  /** Whether an answer was sent of which it is not known whether it arrived. */
  isUncertain(id: string): boolean {
    return this.answers.isUncertain(id);
  }

  /** Take back what waits; false when nothing does, or when it may have arrived. */
  takeBackUnsent(id: string): boolean {
    if (this.unsent.get(id) === null || this.isUncertain(id)) return false;
    this.unsent.takeBack(id);
    return true;
  }

  /** Say to others that somebody is writing an answer on this page. */
  typing(id: string, via: string): void {
    void this.claims.typing(id, via);
  }

  /** Whether a claim is by this page. */
  isOwnClaim(claim: HumanInputClaimed): boolean {
    return this.claims.isOwn(claim);
  }

  /** Reserve room for an answer that is held; null if the page could not send it while it is left. */
  reserveLeaving(answer: Answer): (() => void) | null {
    return this.answers.reserveLeaving(answer);
  }

  /** Keep a held answer while its card is away. */
  keepHold(id: string, kept: Kept): void {
    if (this.requests.get(id)?.completion != null) kept.hold.drop();
    this.kept.set(id, kept);
    this.notify();
  }

  keptHold(id: string): Kept | null {
    return this.kept.get(id) ?? null;
  }

  /** Another card shows it again, or it was sent. */
  dropKept(id: string): void {
    this.kept.delete(id);
  }

  /** Answer from a page that is being left. */
  answerLeaving(id: string, answer: Answer, decidedAt: number): void {
    this.answers.sendLeaving(id, answer, decidedAt);
  }

  private linkListener(): LinkListener {
    return {
      heard: (decoded) => this.heard(decoded),
      replaying: () => {
        this.confirmed = new Set();
        this.toldAt = Date.now();
      },
      live: () => this.live(),
      time: (said) => {
        this.clockAheadMs = clockAhead(said, Date.now());
      },
      changed: (state) => {
        this.connection = state;
        this.notify();
      },
      dropped: () => this.answers.connectionLost(),
    };
  }

  private heard(decoded: Decoded & { kind: "event" | "run" | "unknown" | "control" }): void {
    if (decoded.kind === "unknown") {
      if (decoded.event.type === REVOKED_TYPE) this.rules.ended(decoded.event.rule_id);
      return;
    }
    if (decoded.kind === "run") {
      this.runs.heard(decoded.event);
      return;
    }
    if (decoded.kind === "control") {
      const { frame } = decoded;
      if (frame.type === "ack" || frame.type === "error") this.answers.acknowledge(frame);
      return;
    }
    const { event } = decoded;
    if (event.request_id === null) return;
    if (event.type === "human_input_required") this.confirmed?.add(event.request_id);
    const before = this.requests.get(event.request_id);
    const after = step(before, event);
    if (after !== undefined && after !== before) this.put(event.request_id, after);
  }

  private learn(id: string, found: Found): void {
    if (!this.awaited.has(id)) return; // the stream was faster
    if (found.kind === "found") {
      this.put(id, found.request);
      return;
    }
    this.requests.delete(id);
    this.awaited.delete(id);
    this.gone.add(id);
    this.notify();
  }

  /** Take in the texts of a question; the stream may know better how it ended. */
  private complete(found: Request): void {
    const id = found.required.request_id;
    const known = this.requests.get(id);
    if (known === undefined) return;
    const latest = known.completion === null && found.completion !== null ? found : known;
    this.put(id, { ...latest, required: found.required });
  }

  private put(id: string, request: Request): void {
    this.requests.set(id, request);
    if (request.completion !== null) {
      this.unsent.takeBack(id);
      this.kept.get(id)?.hold.drop(); // its next card says so
    }
    this.awaited.delete(id);
    this.gone.delete(id);
    // A replay may bring hundreds: they are shown together when it is over, or as they come when
    // it takes long, because thousands of large ones take a minute.
    const long = Date.now() - this.toldAt >= REPLAY_SHOWN_MS;
    if (this.confirmed === null || long) this.notify();
  }

  /** The replay is over: look up what it should have brought and did not. */
  private live(): void {
    for (const [id, request] of this.confirmed === null ? [] : this.requests) {
      if (request.completion !== null || this.confirmed?.has(id)) continue;
      this.awaited.set(id, request.required.timestamp);
    }
    void this.runs.live(this.confirmed !== null);
    this.confirmed = null;
    this.unsent.release();
    this.texts.again();
    for (const [id, askedAt] of this.awaited) this.lookup.ask(id, askedAt);
  }

  private notify(): void {
    this.version++;
    this.toldAt = Date.now();
    for (const listener of [...this.listeners]) {
      try {
        listener();
      } catch (error) {
        // Listeners are from different bundles: one that fails must not keep others from the news.
        console.error("crewai-hitl: a listener failed:", error);
      }
    }
  }
}

function closingOf(outcome: Exclude<Outcome, { kind: "unreachable" }>) {
  return outcome.kind === "accepted" ? outcome.event : outcome.refusal.event;
}
