/**
 * The runs that this page follows: their past from the log, their present from the stream.
 *
 * The client passes the stream's events in; below are plain calls and the fold. An event counts
 * once, whether it was read or streamed, and in log order, so past and present may overlap.
 */
import { type Decoded, decodeFrame, isObject, type RunEvent } from "../protocol/decode";
import type { RunStarted } from "../protocol/gen";
import { foldRun, type RunState } from "../protocol/run";
import type { Endpoint } from "./endpoint";
import { get, post } from "./http";
import { Sources } from "./sources";

export interface FollowedRun {
  /** Whether its past has been read. */
  readonly loaded: boolean;
  readonly state: RunState | null;
  /** Whether the process that ran it is gone without having said how it ended. */
  readonly lost: boolean;
}

interface Entry {
  run: FollowedRun;
  readonly events: Map<number, RunEvent>;
}

/** Events in one page of the past. */
const PAGE_EVENTS = 500;

/** The place of the event that began a run, where the notebook holds it without an offset. */
const BEFORE_ALL = 0;

export class Runs {
  private readonly followed = new Map<string, Entry>();
  private readonly sources: Sources;
  private stopped = false;

  constructor(
    private readonly endpoint: Endpoint,
    /** Called with the questions of the run's past. */
    private readonly heardEvent: (decoded: Decoded & { kind: "event" }) => void,
    private readonly changed: () => void,
    againMs?: number,
  ) {
    this.sources = new Sources(
      endpoint,
      () => new Set(this.running().map(([, source]) => source)),
      () => this.judge(),
      againMs,
    );
  }

  get(executionId: string): FollowedRun | undefined {
    return this.followed.get(executionId)?.run;
  }

  /** Follow a run; `snapshot` is shown until the log is read. True when it is new here. */
  follow(executionId: string, snapshot: RunStarted | null): boolean {
    if (this.followed.has(executionId)) return false;
    const events = new Map<number, RunEvent>();
    if (snapshot !== null) events.set(BEFORE_ALL, { ...snapshot, offset: null });
    this.followed.set(executionId, {
      run: { loaded: false, state: fold(events), lost: false },
      events,
    });
    return true;
  }

  heard(event: RunEvent): void {
    const entry = this.followed.get(event.execution_id);
    if (entry === undefined) return;
    this.take(entry, [event]);
    this.changed();
  }

  /** The stream is live: read each past that is not known, or all after a replay from the start. */
  async live(anew: boolean): Promise<void> {
    this.sources.forget();
    this.judge();
    for (const [id, { run }] of [...this.followed]) {
      if (anew || !run.loaded) await this.read(id);
    }
    await this.sources.look();
  }

  /** Read the past of one run. */
  async read(id: string): Promise<void> {
    const entry = this.followed.get(id);
    if (entry === undefined) return;
    let after = "";
    for (;;) {
      const query = new URLSearchParams({
        replay: "all",
        limit: String(PAGE_EVENTS),
        texts: "brief",
      });
      if (after !== "") query.set("last_event_id", after);
      const reply = await get(
        this.endpoint,
        `poll/human-input/${encodeURIComponent(id)}?${query.toString()}`,
      );
      // Unreachable: the stream is lost as well, and this is called again when it is live.
      if (this.stopped || reply.kind !== "ok" || !isObject(reply.body)) return;
      const page = Array.isArray(reply.body.events) ? reply.body.events : [];
      this.takePage(entry, page);
      const { last_event_id: last, more } = reply.body;
      const full = page.length >= PAGE_EVENTS || more === true;
      if (!full || typeof last !== "string" || last === after) break;
      after = last;
    }
    entry.run = { ...entry.run, loaded: true };
    this.changed();
    void this.sources.look();
  }

  /** Ask for a run to be stopped; null when the log has the request, else the reason. */
  async cancel(executionId: string, via: string): Promise<string | null> {
    const wish = { type: "run_cancel_requested", execution_id: executionId, via };
    const reply = await post(this.endpoint, "events", wish, {});
    if (reply.kind === "ok") return null;
    if (reply.kind === "refused") return reply.refusal.message;
    return "The server cannot be reached. Nothing was cancelled: try again in a moment.";
  }

  stop(): void {
    this.stopped = true;
    this.sources.stop();
  }

  /** The runs that still run according to the log, each with its process. */
  private running(): (readonly [Entry, string])[] {
    return [...this.followed.values()].flatMap((entry) => {
      const { loaded, state } = entry.run;
      const source = state?.status === "running" ? state.source.id : null;
      return loaded && source != null ? [[entry, source] as const] : [];
    });
  }

  private judge(): void {
    for (const [entry, source] of this.running()) {
      entry.run = { ...entry.run, lost: this.sources.isLost(source) };
    }
    this.changed();
  }

  private takePage(entry: Entry, page: readonly unknown[]): void {
    const runEvents: RunEvent[] = [];
    for (const raw of page) {
      const decoded = decodeFrame(raw);
      if (decoded.kind === "event") this.heardEvent(decoded);
      if (decoded.kind === "run") runEvents.push(decoded.event);
    }
    this.take(entry, runEvents);
  }

  private take(entry: Entry, events: readonly RunEvent[]): void {
    for (const event of events) {
      if (event.offset !== null) entry.events.set(event.offset, event);
      if (event.type === "run_started") entry.events.delete(BEFORE_ALL); // the log's own word
    }
    entry.run = { ...entry.run, state: fold(entry.events), lost: false };
  }
}

function fold(events: ReadonlyMap<number, RunEvent>): RunState | null {
  const ordered = [...events.entries()].sort(([a], [b]) => a - b);
  return foldRun(ordered.map(([, event]) => event));
}
