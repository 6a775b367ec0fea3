/**
 * The live view of a run: its state, steps and questions, and its result or error.
 *
 * It is drawn at once from the event that came with it; from then on the log's events count.
 * Cancelling also goes through the log, because the kernel may be busy.
 */

import { useLayoutEffect, useMemo, useState } from "preact/hooks";
import type { Client } from "../../client/client";
import type { RunStarted } from "../../protocol/gen";
import { foldRun, type RunState } from "../../protocol/run";
import type { Request } from "../../protocol/state";
import { cardsIn, isPending, useRequests, useShown } from "../card/request-cards";
import { Connection } from "../connection";
import { NameOffer } from "../name-offer";
import { LIST_ITEMS } from "../text/limits";
import { Markdown } from "../text/markdown";
import { LongText } from "../text/show-more";
import { Tall } from "../text/tall";
import { oneLine } from "../text/unseen";
import { useClient, useClock, useNow } from "../use-client";
import { RunSteps } from "./steps";
import { duration, isGoing, note, type RunShown, shownAs, stateWord } from "./words";

interface Props {
  /** Null when the page has no Jupyter server. */
  readonly client: Client | null;
  readonly executionId: string;
  readonly snapshot: RunStarted;
  /** The surface that answers are sent from. */
  readonly via: string;
}

export function RunView({ client, executionId, snapshot, via }: Props) {
  useLayoutEffect(() => client?.follow(executionId, snapshot), [client, executionId, snapshot]);
  const run = useClient(client, (known) => known.run(executionId)) ?? null;
  const requests = useRequests(client, executionId);
  const connection = useClient(client, (known) => known.connection);
  const pending = requests.filter(isPending);
  const known = {
    connected: client !== null,
    asks: pending.length > 0,
    lost: run?.lost === true || requests.some(wasLost),
  };
  const shown = shownAs(run, known, useNow());
  const now = useClock(isGoing(shown) ? 1000 : 3_600_000);
  const atFirst = useMemo(() => foldRun([snapshot]), [snapshot]);
  const state = run?.state ?? atFirst;
  const started = state?.started ?? snapshot;
  const until = state?.end?.timestamp ?? (isGoing(shown) ? now : null);
  return (
    <section
      class="chitl chitl-run"
      data-testid="hitl-run"
      data-execution-id={executionId}
      data-status={shown}
      aria-label={`Run of ${started.kind} ${oneLine(started.name)}`}
    >
      <header class="chitl-run-head">
        <h2 class="chitl-name">{oneLine(started.name)}</h2>
        <span class="chitl-run-state" data-testid="hitl-run-state" role="status">
          {stateWord(shown)}
        </span>
        {until !== null && (
          <time class="chitl-run-time" dateTime={started.timestamp}>
            {duration(started.timestamp, until)}
          </time>
        )}
        <span class="chitl-run-tools">
          {isGoing(shown) && connection !== null && <Connection state={connection} />}
          {isGoing(shown) && client !== null && (
            <Cancel client={client} executionId={executionId} state={state} via={via} />
          )}
        </span>
      </header>
      <Note text={note(shown, run)} />
      <RunSteps
        steps={state?.steps ?? []}
        going={isGoing(shown)}
        cancelled={shown === "cancelled"}
        asking={stepsOf(pending)}
        now={now}
      />
      <Questions client={client} requests={requests} via={via} />
      <End state={state} shown={shown} />
    </section>
  );
}

interface CancelProps {
  readonly client: Client;
  readonly executionId: string;
  readonly state: RunState | null;
  readonly via: string;
}

function Cancel({ client, executionId, state, via }: CancelProps) {
  const [asked, setAsked] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const cancel = async () => {
    setAsked(true);
    const refusal = await client.cancelRun(executionId, via);
    setError(refusal);
    if (refusal !== null) setAsked(false);
  };
  return (
    <>
      {error !== null && (
        <span class="chitl-error" role="alert">
          {error}
        </span>
      )}
      <button
        type="button"
        class="chitl-button"
        data-testid="hitl-run-cancel"
        disabled={asked || (state?.cancelRequested ?? false)}
        onClick={() => void cancel()}
      >
        Cancel run
      </button>
    </>
  );
}

interface QuestionsProps {
  readonly client: Client | null;
  readonly requests: readonly Request[];
  readonly via: string;
}

/** The open questions, and those answered while the view is open; older ones are folded. */
function Questions({ client, requests, via }: QuestionsProps) {
  const shown = useShown(requests);
  const cards = cardsIn(client, via);
  const earlier = requests.filter((request) => !shown.includes(request));
  return (
    <>
      {earlier.length > 0 && (
        <details class="chitl-fold" data-testid="hitl-run-earlier">
          <summary>{earlier.length === 1 ? "1 question" : `${earlier.length} questions`}</summary>
          <div class="chitl-list">{earlier.map(cards)}</div>
        </details>
      )}
      {shown.length > 0 && <div class="chitl-list chitl-run-questions">{shown.map(cards)}</div>}
      {requests.some(isPending) && <NameOffer client={client} />}
    </>
  );
}

function End({ state, shown }: { readonly state: RunState | null; readonly shown: RunShown }) {
  const end = state?.end;
  if (shown === "finished" && end?.type === "run_finished" && end.result.trim() !== "") {
    return (
      <Tall label="Result" hook="hitl-run-result">
        <Markdown text={end.result} />
      </Tall>
    );
  }
  if (shown !== "failed" || end?.type !== "run_failed") return null;
  return (
    <div class="chitl-error chitl-run-error" data-testid="hitl-run-error">
      <p>
        <LongText text={end.error} />
      </p>
      {end.cause !== null && (
        <>
          <p>Caused by:</p>
          <ul>
            {end.cause.split("\n", LIST_ITEMS).map((cause) => (
              <li key={cause}>
                <LongText text={cause} />
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function Note({ text }: { readonly text: string | null }) {
  if (text === null) return null;
  return (
    <p class="chitl-note" data-testid="hitl-run-note">
      {text}
    </p>
  );
}

/** Return the steps that ask: tasks by id, a flow's methods by name. */
function stepsOf(requests: readonly Request[]): ReadonlySet<string> {
  const ids = requests.map(({ required: { task_id, source } }) => task_id ?? source.task_name);
  return new Set(ids.filter((id) => id !== null));
}

function wasLost({ completion }: Request): boolean {
  return completion?.type === "human_input_cancelled" && completion.reason === "source_lost";
}
