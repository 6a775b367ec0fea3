/**
 * What comes after an answer that was given on this page, as far as the log says it.
 *
 * The run's events say which step goes on, and the execution's next question who asks next. A crew
 * that was not begun with `hitl.start` has no run events, so its card may say nothing.
 */
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Client } from "../../client/client";
import type { HumanInputCompleted, HumanInputRequired } from "../../protocol/gen";
import type { RunState, StepState } from "../../protocol/run";
import { asksPermission } from "../../protocol/state";
import { firstPart } from "../text/limits";
import { useClient } from "../use-client";

/** What follows; `name` is that of a step. */
export interface Following {
  readonly text: string;
  readonly name?: string;
}

/** Characters of a name that are shown: this is one line. */
const NAME_CHARS = 80;

interface Props {
  readonly client: Client;
  readonly required: HumanInputRequired;
  readonly answer: HumanInputCompleted;
}

/** The first thing that the log has after the answer. It stays, so that the line does not change. */
export function WhatFollows({ client, required, answer }: Props) {
  const id = required.execution_id;
  useLayoutEffect(() => {
    if (id !== null) client.follow(id, null);
  }, [client, id]);
  const found = useRef<Following | null>(null);
  useClient(client, (known) => (found.current === null ? known.version : 0));
  found.current ??= whatFollows(
    required,
    answer,
    id === null ? null : (client.run(id)?.state ?? null),
    client.all().map((request) => request.required),
  );
  if (found.current === null) return null;
  const { text, name } = found.current;
  return (
    <span data-testid="hitl-follows">
      <bdi>{text}</bdi>
      {name !== undefined && (
        <>
          {" "}
          <em>
            <bdi>{firstPart(name, NAME_CHARS)}</bdi>
          </em>
        </>
      )}
    </span>
  );
}

/** Return what follows an answer according to the run and the questions; null if they do not say. */
export function whatFollows(
  required: HumanInputRequired,
  answer: HumanInputCompleted,
  run: RunState | null,
  questions: readonly HumanInputRequired[],
): Following | null {
  const who = required.source.agent_role;
  const refused = answer.decision === "reject" && required.kind === "tool_approval";
  if (refused && who !== null && answer.human_feedback.trim() !== "") {
    return { text: `${firstPart(who, NAME_CHARS)} hears why` }; // the tool's result contains it
  }
  return (run && afterInRun(required, answer, run)) ?? nextQuestion(required, answer, questions);
}

function afterInRun(
  required: HumanInputRequired,
  { decision }: HumanInputCompleted,
  { steps, status }: RunState,
): Following | null {
  const { task_id, source } = required;
  const asking = steps.find(({ id, name }) => id === task_id || name === source.task_name);
  if (asking === undefined) return null;
  if (asking.status === "working" && status === "running") {
    // A task ends when its draft is accepted, and a flow's method when it is answered.
    const ends =
      required.kind === "flow_feedback" || (decision !== "respond" && isReview(required));
    return ends ? null : continues(asking, required);
  }
  const next = steps
    .filter(({ startedAt }) => startedAt !== null && startedAt >= (asking.endedAt ?? startedAt))
    .filter((step) => step !== asking)
    .sort((a, b) => Date.parse(a.startedAt ?? "") - Date.parse(b.startedAt ?? ""))[0];
  if (next !== undefined) return continues(next, required);
  return ENDS[status] === undefined ? null : { text: ENDS[status] };
}

const ENDS: Readonly<Partial<Record<RunState["status"], string>>> = {
  finished: "The run has finished",
  failed: "The run has failed",
  cancelled: "The run was cancelled",
};

function continues({ agent, name }: StepState, { source }: HumanInputRequired): Following {
  const who = agent ?? source.flow_name ?? source.crew_name ?? "The run";
  return { text: `${firstPart(who, NAME_CHARS)} continues with`, name };
}

function isReview(required: HumanInputRequired): boolean {
  return required.kind !== "question" && !asksPermission(required);
}

function nextQuestion(
  { execution_id, source, task_id }: HumanInputRequired,
  { timestamp }: HumanInputCompleted,
  questions: readonly HumanInputRequired[],
): Following | null {
  const next = questions.find(
    (other) =>
      execution_id !== null &&
      other.execution_id === execution_id &&
      Date.parse(other.timestamp) >= Date.parse(timestamp),
  );
  const who = next?.source.agent_role ?? null;
  if (next === undefined || who === null) return null;
  const again = who === source.agent_role && next.task_id === task_id;
  return { text: `${firstPart(who, NAME_CHARS)} asks ${again ? "again" : "next"}` };
}
