/**
 * The fold of a run's events: what it does and what became of it. Pure.
 *
 * The table is generated from the server's, and the test reads the same golden runs as pytest. It
 * knows neither transports nor screens.
 */
import type { RunEvent } from "./decode";
import {
  RUN_TRANSITIONS,
  type RunCancelled,
  type RunFailed,
  type RunFinished,
  type RunPaused,
  type RunStarted,
  type RunTaskFailed,
  type RunTaskFinished,
  type RunTaskStarted,
  STEP_STATUS,
} from "./gen";

export type RunStatus = (typeof RUN_TRANSITIONS)[number][2];
export type StepStatus = "waiting" | (typeof STEP_STATUS)[keyof typeof STEP_STATUS];

/** The state of a crew's task or of a flow's method. */
export interface StepState {
  readonly id: string;
  readonly name: string;
  readonly agent: string | null;
  readonly status: StepStatus;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

/** A run and what became of it. */
export interface RunState {
  readonly started: RunStarted;
  /** The process that runs it; another one after a pause. */
  readonly source: RunStarted["source"];
  readonly status: RunStatus;
  readonly steps: readonly StepState[];
  /** What ended or paused it. */
  readonly end: RunPaused | RunFinished | RunFailed | RunCancelled | null;
  readonly cancelRequested: boolean;
}

/** Fold the events of one run, in log order; null before it began. */
export function foldRun(events: Iterable<RunEvent>): RunState | null {
  let state: RunState | null = null;
  for (const event of events) state = stepRun(state, event);
  return state;
}

/** Return the run after the event; an event without a row in the table changes nothing. */
export function stepRun(before: RunState | null, event: RunEvent): RunState | null {
  if (isStep(event)) return before === null ? null : withStep(before, event);
  const row = RUN_TRANSITIONS.find(
    ([status, type]) => status === (before?.status ?? null) && type === event.type,
  );
  if (row === undefined) return before;
  if (event.type === "run_started") return begun(before, event);
  if (before === null) return null;
  if (event.type === "run_cancel_requested") return { ...before, cancelRequested: true };
  return { ...before, status: row[2], end: event };
}

type StepEvent = RunTaskStarted | RunTaskFinished | RunTaskFailed;

function isStep(event: RunEvent): event is StepEvent {
  return event.type in STEP_STATUS;
}

/** A run that begins, or that continues with the steps it had. */
function begun(before: RunState | null, event: RunStarted): RunState {
  const known = before?.steps ?? [];
  const ids = new Set(known.map((step) => step.id));
  const fresh = event.tasks
    .filter((task) => !ids.has(task.id))
    .map((task) => ({ ...task, status: "waiting" as const, startedAt: null, endedAt: null }));
  return {
    started: before?.started ?? event,
    source: event.source,
    status: "running",
    steps: [...known, ...fresh],
    end: null,
    cancelRequested: false,
  };
}

function withStep(before: RunState, event: StepEvent): RunState {
  const was = before.steps.find((step) => step.id === event.task_id);
  const begins = event.type === "run_task_started";
  const step: StepState = {
    id: event.task_id,
    name: was?.name ?? event.task_name,
    agent: event.agent_role ?? was?.agent ?? null,
    status: STEP_STATUS[event.type],
    startedAt: begins ? event.timestamp : (was?.startedAt ?? null),
    endedAt: begins ? null : event.timestamp,
  };
  const steps = was
    ? before.steps.map((known) => (known === was ? step : known))
    : [...before.steps, step];
  return { ...before, steps };
}
