/**
 * Whether the processes behind the runs of this page are still there.
 *
 * A killed kernel cannot publish that its runs are over; the server sees that its connection is
 * gone. The runs say which processes to look for; below are plain calls. A process that was missing
 * once may be reconnecting after a restart of the server, so only the second time counts.
 */
import { isObject } from "../protocol/decode";
import { PRESENCE_GRACE_SECONDS } from "../protocol/gen";
import type { Endpoint } from "./endpoint";
import { get } from "./http";

/** How often to look for processes that were there. */
const LOOK_MS = 15_000;

/** When to look again for a missing one: by then it is back, or is gone for good. */
const AGAIN_MS = PRESENCE_GRACE_SECONDS * 1000;

const MISSED_FOR_GOOD = 2;

export class Sources {
  private readonly missed = new Map<string, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private looking = false;

  constructor(
    private readonly endpoint: Endpoint,
    /** Returns the processes to look for now. */
    private readonly wanted: () => ReadonlySet<string>,
    private readonly changed: () => void,
    private readonly againMs = AGAIN_MS,
  ) {}

  isLost(id: string): boolean {
    return (this.missed.get(id) ?? 0) >= MISSED_FOR_GOOD;
  }

  /** Look now, and again for as long as there are processes to look for. */
  async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    clearTimeout(this.timer);
    const wanted = [...this.wanted()].filter((id) => !this.isLost(id));
    for (const id of wanted) await this.lookFor(id);
    this.looking = false;
    if (wanted.length === 0) return;
    const again = wanted.some((id) => this.missed.has(id));
    this.timer = setTimeout(() => void this.look(), again ? this.againMs : LOOK_MS);
  }

  /** Start over: the stream is new, and a missing process may be back. */
  forget(): void {
    this.missed.clear();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.looking = true; // for good
  }

  private async lookFor(id: string): Promise<void> {
    const reply = await get(this.endpoint, `sources/${encodeURIComponent(id)}`);
    if (reply.kind !== "ok" || !isObject(reply.body)) return; // unknown
    const was = this.isLost(id);
    if (reply.body.present === false) this.missed.set(id, (this.missed.get(id) ?? 0) + 1);
    else this.missed.delete(id);
    if (this.isLost(id) !== was) this.changed();
  }
}
