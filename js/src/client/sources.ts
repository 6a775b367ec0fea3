/**
 * Whether the processes behind what this page shows are still there.
 *
 * A killed kernel cannot say that its runs are over; the server knows by its connection. Above
 * it are the runs, which say whom to look for; below it plain calls. Someone who was missed
 * once may be on the way back (the server was restarted), so only the second time counts.
 */
import { isObject } from "../protocol/decode";
import { PRESENCE_GRACE_SECONDS } from "../protocol/gen";
import type { Endpoint } from "./endpoint";
import { get } from "./http";

/** How often to look for those who were there. */
const LOOK_MS = 15_000;

/** When to look again for one who was missed: by then they are back, or will not come. */
const AGAIN_MS = PRESENCE_GRACE_SECONDS * 1000;

const MISSED_FOR_GOOD = 2;

export class Sources {
  private readonly missed = new Map<string, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private looking = false;

  constructor(
    private readonly endpoint: Endpoint,
    /** Returns whom to look for now. */
    private readonly wanted: () => ReadonlySet<string>,
    private readonly changed: () => void,
    private readonly againMs = AGAIN_MS,
  ) {}

  isLost(id: string): boolean {
    return (this.missed.get(id) ?? 0) >= MISSED_FOR_GOOD;
  }

  /** Look now, and go on for as long as somebody is wanted. */
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

  /** The stream began anew: whoever was missed may be back. */
  forget(): void {
    this.missed.clear();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.looking = true; // for good
  }

  private async lookFor(id: string): Promise<void> {
    const reply = await get(this.endpoint, `sources/${encodeURIComponent(id)}`);
    if (reply.kind !== "ok" || !isObject(reply.body)) return; // nothing is known then
    const was = this.isLost(id);
    if (reply.body.present === false) this.missed.set(id, (this.missed.get(id) ?? 0) + 1);
    else this.missed.delete(id);
    if (this.isLost(id) !== was) this.changed();
  }
}
