/** The texts of a run's view: its state, how long it took, why it was stopped. */
import type { FollowedRun } from "../../client/runs";
import type { RunCancelled } from "../../protocol/gen";
import type { RunStatus } from "../../protocol/run";

/**
 * The state that a run's view shows: the run's own status, or
 *
 * - `starting`: the log does not have it yet
 * - `waiting`: it runs and has an open question
 * - `lost`: the process that ran it ended without reporting
 * - `gone`: the log no longer has it
 * - `detached`: the page has no Jupyter server
 */
export type RunShown = RunStatus | "starting" | "waiting" | "lost" | "gone" | "detached";

/** A younger run that the log does not have may still be on its way there. */
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

/** Return a note to show with the state, or null. */
export function note(shown: RunShown, run: FollowedRun | null): string | null {
  const end = run?.state?.end;
  if (end?.type === "run_cancelled") return CANCELLED[end.reason];
  if (run?.state?.cancelRequested && isGoing(shown)) {
    return "Cancelling. The run stops when the current step ends.";
  }
  return NOTES[shown] ?? null;
}

/** Whether the run is in progress. */
export function isGoing(shown: RunShown): boolean {
  return shown === "starting" || shown === "running" || shown === "waiting";
}

/** Return the state to show for a run. */
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
  // So far only the notebook has it.
  const age = now.getTime() - Date.parse(state.started.timestamp);
  return run?.loaded && age > FRESH_MS ? "gone" : "starting";
}

/** Return a duration such as "0:07", "12:03" or "1:02:03". */
export function duration(from: string, to: string | Date): string {
  const end = typeof to === "string" ? Date.parse(to) : to.getTime();
  const seconds = Math.max(0, Math.floor((end - Date.parse(from)) / 1000));
  if (Number.isNaN(seconds)) return "";
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}
