/** The steps of a run: the tasks of a crew, or the methods of a flow. */
import type { StepState, StepStatus } from "../../protocol/run";
import { useSome } from "../text/show-more";
import { oneLine } from "../text/unseen";
import { duration } from "./words";

interface Props {
  readonly steps: readonly StepState[];
  /** Whether the run is in progress; a step that was running when it ended was stopped. */
  readonly going: boolean;
  /** Whether the run was cancelled; a step that failed because of that was stopped. */
  readonly cancelled: boolean;
  /** The steps that wait for a person. */
  readonly asking: ReadonlySet<string>;
  readonly now: Date;
}

const WORDS: Readonly<Record<StepStatus | "stopped" | "asking", string>> = {
  waiting: "not started",
  working: "running",
  asking: "waiting for you",
  done: "done",
  failed: "failed",
  stopped: "stopped",
};

export function RunSteps({ steps, going, cancelled, asking, now }: Props) {
  const [drawn, more] = useSome(steps, "steps");
  if (steps.length === 0) return null;
  return (
    <ol class="chitl-steps" aria-label="Steps">
      {drawn.map((step) => {
        const status = shown(step.status, { going, cancelled, asking: asking.has(step.id) });
        const until = step.endedAt ?? (going ? now : null);
        return (
          <li key={step.id} class="chitl-step" data-testid="hitl-step" data-status={status}>
            <span class="chitl-step-name">{oneLine(step.name)}</span>
            {step.agent !== null && <span class="chitl-step-agent">{oneLine(step.agent)}</span>}
            <span class="chitl-step-state">
              {WORDS[status]}
              {step.startedAt !== null && until !== null && (
                <span class="chitl-step-time"> {duration(step.startedAt, until)}</span>
              )}
            </span>
          </li>
        );
      })}
      {more !== null && <li class="chitl-more-item">{more}</li>}
    </ol>
  );
}

interface Standing {
  readonly going: boolean;
  readonly cancelled: boolean;
  readonly asking: boolean;
}

function shown(status: StepStatus, { going, cancelled, asking }: Standing) {
  if (status === "failed" && cancelled) return "stopped";
  if (status !== "working") return status;
  if (!going) return "stopped";
  return asking ? "asking" : "working";
}
