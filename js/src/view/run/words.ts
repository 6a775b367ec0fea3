/** The words of a run's view: where it stands, how long it took, why it was stopped. */

import type { FollowedRun } from "../../client/runs";
import type { RunCancelled } from "../../protocol/gen";
import type { RunStatus } from "../../protocol/run";

/**
 * What a run's view shows: the run's own status, or
 *
 * - `starting`: the log has not spoken of it yet
 * - `waiting`: it runs, and a question of it is open
 * - `lost`: the process that ran it is gone and could not say so
 * - `gone`: the log knows nothing of it
 * - `detached`: the page is none of a Jupyter server
 */
export type RunShown = RunStatus | "starting" | "waiting" | "lost" | "gone" | "detached";

/** Until it is this old, a run that the log does not know may be on its way there. */
const FRESH_MS = 60_000;

const STATES: Readonly<Record<RunShown, string>> = {
  starting: "Starting",
  running: "Running",
  waiting: "Waiting for you",
  paused: "Paused",
  finished: "Finished",
  failed: "Failed",
  cancelled: "Cancelled",
  lost: "Lost",
  gone: "No longer in the log",
  detached: "Not connected",
};

const CANCELLED: Readonly<Record<RunCancelled["reason"], string>> = {
  withdrawn: "The run was cancelled.",
  interrupted: "The cell was interrupted.",
  replaced: "The cell was run again; a newer run replaced this one.",
  source_lost: "The kernel was shut down or restarted.",
};

const NOTES: Readonly<Partial<Record<RunShown, string>>> = {
  paused:
    "The flow is paused and saved. Answer its question, then resume it in any kernel with " +
    "hitl.resume_pending([…]).",
  lost: "The kernel that ran it has stopped, so the run cannot continue.",
  gone: "This run's events were removed from the log.",
  detached: "This page is not connected to a Jupyter server. Open the inbox page instead.",
};

export function stateWord(shown: RunShown): string {
  return STATES[shown];
}

/** What a reader should know beside the state, or null. */
export function note(shown: RunShown, run: FollowedRun | null): string | null {
  const end = run?.state?.end;
  if (end?.type === "run_cancelled") return CANCELLED[end.reason];
  if (run?.state?.cancelRequested && isGoing(shown)) {
    return "Cancelling. The run stops when the current step ends.";
  }
  return NOTES[shown] ?? null;
}

/** Whether it may still do something by itself. */
export function isGoing(shown: RunShown): boolean {
  return shown === "starting" || shown === "running" || shown === "waiting";
}

/** What a run's view shows, from all that is known of it. */
export function shownAs(
  run: FollowedRun | null,
  known: { readonly connected: boolean; readonly asks: boolean; readonly lost: boolean },
  now: Date,
): RunShown {
  if (!known.connected) return "detached";
  const state = run?.state ?? null;
  if (state === null) return run?.loaded ? "gone" : "starting";
  if (state.status !== "running") return state.status;
  if (known.asks) return "waiting";
  if (known.lost) return "lost";
  if (state.started.offset !== null) return "running";
  // Only the notebook has told of it so far.
  const age = now.getTime() - Date.parse(state.started.timestamp);
  return run?.loaded && age > FRESH_MS ? "gone" : "starting";
}

/** "0:07", "12:03", "1:02:03"; by the reader's clock where the run still goes. */
export function duration(from: string, to: string | Date): string {
  const end = typeof to === "string" ? Date.parse(to) : to.getTime();
  const seconds = Math.max(0, Math.floor((end - Date.parse(from)) / 1000));
  if (Number.isNaN(seconds)) return "";
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
