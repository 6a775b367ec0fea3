/**
 * The one connection to the server: keeps it alive, comes back, changes transport.
 *
 * Below it are the transports and the decisions of `resume.ts`; above it the client, which
 * hears every new event once, in order. The link does not know what events mean.
 */
import type { Decoded } from "../protocol/decode";
import type { Endpoint } from "./endpoint";
import {
  admit,
  type Cursor,
  type Ending,
  ended,
  LADDER,
  type LinkState,
  opened,
  type Plan,
  start,
  type Transport,
  top,
  upgradeFailed,
} from "./resume";
import type { Connect, Connection } from "./transports/transport";

export interface LinkListener {
  /** A new event, or the answer to a frame sent up. */
  heard(decoded: Decoded & { kind: "event" | "run" | "control" }): void;
  /** From here the server replays its state from the start instead of resuming. */
  replaying(): void;
  /** The replay is over. */
  live(): void;
  /** The server said its time. */
  time(said: string): void;
  /** The state changed. */
  changed(state: LinkState): void;
  /** The connection that frames were sent up on is lost; their answers will not come. */
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

/** One connection and what is known of it. */
interface Session {
  readonly transport: Transport;
  connection: Connection | null;
  live: boolean;
  beatAt: number;
  watchdog: ReturnType<typeof setTimeout> | undefined;
}

/** An attempt that shows nothing for so long is held up by something in between. */
export const OPENING_MS = 5000;

/** A minute at the default interval; a stream that is silent for longer is cut by proxies anyway. */
const MOST_PATIENCE = 16;

export class Link {
  private state: LinkState;
  private cursor: Cursor | null = null;
  private current: Session | null = null;
  /** The best transport, tried beside a live lesser one. */
  private candidate: Session | null = null;
  private pause: ReturnType<typeof setTimeout> | undefined;
  private upgrade: ReturnType<typeof setTimeout> | undefined;
  /** The silence to bear, in default heartbeats: two of those that the server is seen to make. */
  private patience = 2;
  private readonly beatMs: number;

  constructor(
    private readonly options: LinkOptions,
    private readonly listener: LinkListener,
  ) {
    this.beatMs = options.heartbeatMs;
    this.state = start(options.endpoint.ladder ?? LADDER);
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
    if (this.cursor === null) this.listener.replaying();
    this.watch(session);
    session.connection = this.options.connect[transport](
      {
        endpoint: this.options.endpoint,
        lastEventId: this.cursor?.eventId ?? null,
        types: this.options.types,
        beatMs: this.beatMs,
      },
      {
        frame: (decoded) => this.frame(session, decoded),
        ended: (ending, leaveMs) => this.ended(session, ending, leaveMs),
      },
    );
    return session;
  }

  private frame(session: Session, decoded: Decoded): void {
    this.watch(session); // a long replay shows that it gets through, too
    switch (decoded.kind) {
      case "event":
      case "run":
      case "unknown":
        this.event(decoded);
        return;
      case "control":
        if (decoded.frame.type === "heartbeat") this.heartbeat(session, decoded.frame.timestamp);
        else if (decoded.frame.type === "gap") this.gap();
        else this.listener.heard(decoded);
        return;
      case "invalid":
        // One frame that cannot be read must not silence those behind it.
        console.warn("crewai-hitl: a frame was skipped:", decoded.reason);
    }
  }

  private event(decoded: Decoded & { kind: "event" | "run" | "unknown" }): void {
    const [cursor, fresh] = admit(this.cursor, decoded.event);
    this.cursor = cursor;
    if (fresh && decoded.kind !== "unknown") this.listener.heard(decoded);
  }

  private gap(): void {
    this.cursor = null;
    this.listener.replaying();
  }

  private heartbeat(session: Session, timestamp: string): void {
    const now = Date.now();
    if (session.transport !== "poll") this.listener.time(timestamp); // that one is made here
    if (session.live) this.patience = Math.max(2, (2 * (now - session.beatAt)) / this.beatMs);
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

  private ended(session: Session, ending: Ending, leaveMs = 0): void {
    clearTimeout(session.watchdog);
    if (session === this.candidate) {
      this.candidate = null;
      this.state = upgradeFailed(this.state);
      this.scheduleUpgrade();
    } else if (session === this.current) {
      this.broken(ending, leaveMs);
    }
  }

  private broken(ending: Ending, leaveMs: number): void {
    clearTimeout(this.upgrade);
    this.discard(this.candidate);
    this.candidate = null;
    this.current = null;
    const [state, plan] = ended(this.state, ending, this.options.random, leaveMs);
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
      this.candidate = this.open(top(this.state.ladder));
    }, delay);
  }

  /** Expect the next frame in time: within two heartbeats, or the first ones of an attempt. */
  private watch(session: Session): void {
    clearTimeout(session.watchdog);
    const limit = session.live ? this.patience * this.beatMs : this.options.openingMs;
    session.watchdog = setTimeout(() => {
      if (session.live) this.patience = Math.min(2 * this.patience, MOST_PATIENCE);
      const silent = session.live ? "unreachable" : "refused";
      session.connection?.close();
      this.ended(session, silent);
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
