/**
 * Answers several similar requests at once: choose, confirm, and see the outcome of each.
 *
 * The bar is at the lower edge while requests are being selected. A confirmation replaces the card's
 * Undo, because several crews continue at once.
 */
import { useState } from "preact/hooks";
import type { Outcome } from "../../client/answers";
import type { Client } from "../../client/client";
import { answerOf, decideAll, type Send, type Verdict, verdictsOf } from "../../inbox/bulk";
import type { Request } from "../../protocol/state";
import { labels } from "../form/choices";
import { titleWords } from "../title";

interface Props {
  readonly client: Client;
  readonly chosen: readonly Request[];
  /** How many similar requests are not selected yet. */
  readonly more: number;
  readonly via: string;
  readonly onAll: () => void;
  readonly onDone: () => void;
}

type Outcomes = ReadonlyMap<string, Outcome>;

export function BulkBar({ client, chosen, more, via, onAll, onDone }: Props) {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [sent, setSent] = useState<readonly Request[] | null>(null);
  const [outcomes, setOutcomes] = useState<Outcomes>(new Map());
  const send = () => {
    if (verdict === null) return;
    setSent(chosen);
    const onOutcome = (id: string, outcome: Outcome) =>
      setOutcomes((before) => new Map(before).set(id, outcome));
    const ids = chosen.map(({ required }) => required.request_id);
    const sendOne: Send = (id, answer, timing) => client.answer(id, answer, timing);
    void decideAll(ids, answerOf(verdict, via), sendOne, onOutcome);
  };
  return (
    <section class="chitl-bulk" data-testid="hitl-bulk" aria-label="Selected requests">
      {sent !== null ? (
        <Results sent={sent} outcomes={outcomes} onDone={onDone} />
      ) : verdict !== null && chosen.length > 0 ? (
        <Confirm
          chosen={chosen}
          verdict={verdict}
          onChange={setVerdict}
          onSend={send}
          onBack={() => setVerdict(null)}
        />
      ) : (
        <Choose chosen={chosen} more={more} onAll={onAll} onChoose={setVerdict} onDone={onDone} />
      )}
    </section>
  );
}

interface ChooseProps {
  readonly chosen: readonly Request[];
  readonly more: number;
  readonly onAll: () => void;
  readonly onChoose: (verdict: Verdict) => void;
  readonly onDone: () => void;
}

function Choose({ chosen, more, onAll, onChoose, onDone }: ChooseProps) {
  const first = chosen[0]?.required;
  return (
    <>
      <span class="chitl-bulk-count" role="status">
        {chosen.length === 0 ? "Select requests that take the same answer" : count(chosen.length)}
      </span>
      {more > 0 && (
        <button type="button" class="chitl-button" data-testid="hitl-select-all" onClick={onAll}>
          Select {more} similar
        </button>
      )}
      <span class="chitl-bulk-actions">
        {first !== undefined &&
          verdictsOf(first).map((verdict) => (
            <button
              key={JSON.stringify(verdict)}
              type="button"
              class="chitl-button"
              data-testid={`hitl-bulk-${verdict.decision}`}
              onClick={() => onChoose(verdict)}
            >
              {wordFor(verdict, first)}
            </button>
          ))}
        <button
          type="button"
          class="chitl-button chitl-quiet"
          data-testid="hitl-bulk-cancel"
          onClick={onDone}
        >
          Cancel
        </button>
      </span>
    </>
  );
}

interface ConfirmProps {
  readonly chosen: readonly Request[];
  readonly verdict: Verdict;
  readonly onChange: (verdict: Verdict) => void;
  readonly onSend: () => void;
  readonly onBack: () => void;
}

function Confirm({ chosen, verdict, onChange, onSend, onBack }: ConfirmProps) {
  const first = chosen[0]?.required;
  if (first === undefined) return null;
  const word = wordFor(verdict, first);
  return (
    <>
      <span class="chitl-bulk-count">
        {word}: {count(chosen.length)}?
      </span>
      {verdict.decision === "reject" && (
        <input
          ref={begin}
          class="chitl-search"
          data-testid="hitl-bulk-reason"
          aria-label="Reason for all of them"
          placeholder="Reason (optional)"
          dir="auto"
          value={verdict.reason}
          onInput={(event) => onChange({ ...verdict, reason: event.currentTarget.value })}
        />
      )}
      <span class="chitl-bulk-actions">
        <button
          type="button"
          class="chitl-button chitl-primary"
          data-testid="hitl-bulk-send"
          ref={verdict.decision === "reject" ? null : begin}
          onClick={onSend}
        >
          {word} {chosen.length}
        </button>
        <button type="button" class="chitl-button chitl-quiet" onClick={onBack}>
          Back
        </button>
      </span>
    </>
  );
}

interface ResultsProps {
  readonly sent: readonly Request[];
  readonly outcomes: Outcomes;
  readonly onDone: () => void;
}

function Results({ sent, outcomes, onDone }: ResultsProps) {
  const taken = [...outcomes.values()].filter(({ kind }) => kind === "accepted").length;
  return (
    <>
      <span class="chitl-bulk-count" role="status">
        {outcomes.size < sent.length
          ? `Sending… ${outcomes.size} of ${sent.length}`
          : `${taken} of ${sent.length} answered`}
      </span>
      <ul class="chitl-outcomes">
        {sent.map(({ required }) => {
          const outcome = outcomes.get(required.request_id);
          return (
            <li
              key={required.request_id}
              data-testid="hitl-outcome-of"
              data-request-id={required.request_id}
              data-outcome={outcome?.kind ?? "sending"}
            >
              <span dir="auto">{titleWords(required)}</span>
              <span>{outcomeText(outcome)}</span>
            </li>
          );
        })}
      </ul>
      <span class="chitl-bulk-actions">
        <button
          type="button"
          class="chitl-button"
          data-testid="hitl-bulk-done"
          disabled={outcomes.size < sent.length}
          onClick={onDone}
        >
          Done
        </button>
      </span>
    </>
  );
}

function outcomeText(outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case undefined:
      return "Sending…";
    case "accepted":
      return "Answered";
    case "refused":
      return outcome.refusal.message;
    case "unreachable":
      return "The server could not be reached; the request is still open";
  }
}

function wordFor(verdict: Verdict, required: Request["required"]): string {
  const words = labels(required);
  switch (verdict.decision) {
    case "approve":
      return words.approve;
    case "reject":
      return words.reject;
    case "respond":
      return verdict.option;
  }
}

/** Focus the first control of the confirmation; a stable function is called only once. */
function begin(element: HTMLElement | null): void {
  element?.focus();
}

function count(number: number): string {
  return number === 1 ? "1 request" : `${number} requests`;
}
