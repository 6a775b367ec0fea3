/**
 * The page's connection to the server: keeps it up, reconnects, changes transport.
 *
 * It drives the transports by the rules of `resume.ts` and passes every new event to the client
 * once, in order. It does not know what events mean.
 */
import type { Decoded } from "../protocol/decode";
import type { Heartbeat } from "../protocol/gen";
import type { Endpoint } from "./endpoint";
import type { StreamReply } from "./http";
import {
  admit,
  afterGap,
  afterHeartbeat,
  best,
  type Ending,
  ended,
  endingOfSilence,
  endingOfStatus,
  IdleTimeout,
  isLast,
  type LinkState,
  NOTHING_SEEN,
  opened,
  type Plan,
  start,
  TRANSPORTS,
  type Transport,
  upgradeFailed,
} from "./resume";
import type { Connect, Connection } from "./transports/transport";

export interface LinkListener {
  /** A new event, or the reply to a frame sent up. */
  heard(decoded: Decoded & { kind: "event" | "run" | "unknown" | "control" }): void;
  /** From here the server replays its state from the start instead of resuming. */
  replaying(): void;
  /** The replay is over. */
  live(): void;
  /** The server said its time. */
  time(said: string): void;
  /** The state changed. */
  changed(state: LinkState): void;
  /** The connection that frames were sent on is lost; their replies will not come. */
  dropped(): void;
}

export interface LinkOptions {
  readonly endpoint: Endpoint;
  readonly types: readonly string[];
  readonly connect: Readonly<Record<Transport, Connect>>;
  readonly random: () => number;
  readonly heartbeatMs: number;
  readonly openingMs: number;
  readonly upgradeInMs: (state: LinkState) => number | null;
}

/** One connection and its state. */
interface Session {
  readonly transport: Transport;
  connection: Connection | null;
  live: boolean;
  beatAt: number;
  watchdog: ReturnType<typeof setTimeout> | undefined;
}

/** An attempt that receives nothing for this long is held up by something in between. */
export const OPENING_MS = 5000;

export class Link {
  private state: LinkState;
  private cursor = NOTHING_SEEN;
  private current: Session | null = null;
  /** The best transport, tried beside a live lesser one. */
  private candidate: Session | null = null;
  private pause: ReturnType<typeof setTimeout> | undefined;
  private upgrade: ReturnType<typeof setTimeout> | undefined;
  private readonly idle: IdleTimeout;

  constructor(
    private readonly options: LinkOptions,
    private readonly listener: LinkListener,
  ) {
    this.idle = new IdleTimeout(options.heartbeatMs);
    this.state = start(options.endpoint.transports ?? TRANSPORTS);
  }

  start(): void {
    this.current = this.open(this.state.transport);
  }

  stop(): void {
    clearTimeout(this.pause);
    clearTimeout(this.upgrade);
    this.discard(this.candidate);
    this.discard(this.current);
    this.candidate = null;
    this.current = null;
  }

  /** Cut a pause short: the network is back, or somebody looks at the page again. */
  retryNow(): void {
    if (this.pause === undefined) return;
    this.clearPause();
    this.start();
  }

  /**
   * Close the connection in use and open it again, because the server knows who is behind a connection
   * only from when it opens. Meanwhile answers go by POST.
   */
  reopen(): void {
    const { current } = this;
    if (current === null) return; // the next attempt opens it anyway
    clearTimeout(this.upgrade);
    this.discard(this.candidate);
    this.candidate = null;
    this.discard(current);
    this.current = null;
    this.listener.dropped();
    this.current = this.open(current.transport);
  }

  /** Send a frame up; false when the connection in use cannot. */
  send(frame: object): boolean {
    return this.current?.live === true && this.current.connection?.send(frame) === true;
  }

  private open(transport: Transport): Session {
    const session: Session = {
      transport,
      connection: null,
      live: false,
      beatAt: 0,
      watchdog: undefined,
    };
    if (this.cursor.eventId === null) this.listener.replaying();
    this.watch(session);
    session.connection = this.options.connect[transport](
      {
        endpoint: this.options.endpoint,
        lastEventId: this.cursor.eventId,
        beginsAgain: this.cursor.beginsAgain,
        types: this.options.types,
        beatMs: this.options.heartbeatMs,
      },
      {
        frame: (decoded) => this.frame(session, decoded),
        ended: (how) => this.ended(session, how),
      },
    );
    return session;
  }

  private frame(session: Session, decoded: Decoded): void {
    this.watch(session); // each frame of a long replay shows that the connection works
    switch (decoded.kind) {
      case "event":
      case "run":
      case "unknown":
        this.event(decoded);
        return;
      case "control":
        if (decoded.frame.type === "heartbeat") this.heartbeat(session, decoded.frame);
        else if (decoded.frame.type === "gap") this.gap(decoded.frame.epoch);
        else this.listener.heard(decoded);
        return;
      case "invalid":
        // One unreadable frame must not hide those behind it.
        console.warn("crewai-hitl: a frame was skipped:", decoded.reason);
    }
  }

  private event(decoded: Decoded & { kind: "event" | "run" | "unknown" }): void {
    const [cursor, fresh] = admit(this.cursor, decoded.event);
    this.cursor = cursor;
    if (fresh) this.listener.heard(decoded);
  }

  private gap(epoch: string): void {
    this.cursor = afterGap(this.cursor, epoch);
    this.listener.replaying();
  }

  private heartbeat(session: Session, { timestamp, epoch }: Heartbeat): void {
    const [cursor, lost] = afterHeartbeat(this.cursor, epoch);
    this.cursor = cursor;
    this.beat(session, timestamp);
    if (!lost) return;
    session.connection?.close();
    this.ended(session, "unreachable");
  }

  private beat(session: Session, timestamp: string): void {
    const now = Date.now();
    if (session.transport !== "poll") this.listener.time(timestamp); // poll.ts makes its own
    if (session.live) this.idle.heartbeat(now - session.beatAt);
    session.beatAt = now;
    if (session.live) return;
    session.live = true;
    this.watch(session);
    if (session === this.candidate) this.promote(session);
    this.become(opened(this.state, session.transport));
    this.listener.live();
    this.scheduleUpgrade();
  }

  private promote(session: Session): void {
    this.discard(this.current);
    this.current = session;
    this.candidate = null;
  }

  private ended(session: Session, how: Ending | StreamReply): void {
    clearTimeout(session.watchdog);
    if (session === this.candidate) {
      this.candidate = null;
      this.state = upgradeFailed(this.state);
      this.scheduleUpgrade();
    } else if (session === this.current) {
      this.broken(session.transport, how);
    }
  }

  private broken(transport: Transport, how: Ending | StreamReply): void {
    clearTimeout(this.upgrade);
    this.discard(this.candidate);
    this.candidate = null;
    this.current = null;
    const reply = typeof how === "string" ? null : how;
    const ending =
      typeof how === "string"
        ? how
        : endingOfStatus(how.status, { ...how, transport, isLast: isLast(this.state) });
    const [state, plan] = ended(this.state, ending, this.options.random, reply?.retryAfterMs);
    this.become(state);
    this.listener.dropped();
    this.follow(plan);
  }

  private follow(plan: Plan): void {
    this.clearPause();
    const attempt = () => {
      this.pause = undefined;
      this.current = this.open(plan.transport);
    };
    if (plan.delayMs === 0) attempt();
    else this.pause = setTimeout(attempt, plan.delayMs);
  }

  private scheduleUpgrade(): void {
    clearTimeout(this.upgrade);
    const delay = this.options.upgradeInMs(this.state);
    if (delay === null) return;
    this.upgrade = setTimeout(() => {
      this.candidate = this.open(best(this.state.transports));
    }, delay);
  }

  /** Expect the next frame in time: within two heartbeats, or the first ones of an attempt. */
  private watch(session: Session): void {
    clearTimeout(session.watchdog);
    const limit = session.live ? this.idle.ms : this.options.openingMs;
    session.watchdog = setTimeout(() => {
      if (session.live) this.idle.expired();
      session.connection?.close();
      this.ended(session, endingOfSilence(session.live));
    }, limit);
  }

  private discard(session: Session | null): void {
    if (session === null) return;
    clearTimeout(session.watchdog);
    session.connection?.close();
  }

  private become(state: LinkState): void {
    this.state = state;
    this.listener.changed(state);
  }

  private clearPause(): void {
    clearTimeout(this.pause);
    this.pause = undefined;
  }
}
