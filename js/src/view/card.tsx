/**
 * The card: one question and what became of it.
 *
 * It is drawn at once from the snapshot that came with it; from then on the client says what
 * is true. Answering goes to the server, never to the kernel, which is blocked.
 */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Client } from "../client";
import type { HumanInputRequired } from "../protocol.gen";
import type { Status } from "../state";
import { AnswerForm } from "./answer-form";
import { answerFor, type Decision, type Saying } from "./choices";
import { useDraft } from "./draft";
import { Question } from "./question";
import { AnswerRecord } from "./record";
import { useClient } from "./use-client";

interface Props {
  /** Null when the page is none of a Jupyter server: then the card can only be read. */
  readonly client: Client | null;
  readonly snapshot: HumanInputRequired;
  /** The surface that an answer is given on. */
  readonly via: string;
  /** Whether the connection's state is shown here, or already by the list around it. */
  readonly alone?: boolean;
}

/** What a card shows: the request's own status, or why it has none. */
export type CardStatus = Status | "sending" | "gone" | "detached";

export function Card({ client, snapshot, via, alone = true }: Props) {
  const id = snapshot.request_id;
  const request = useClient(client, (known) => known.request(id)) ?? null;
  const gone = useClient(client, (known) => known.isGone(id));
  const connection = useClient(client, (known) => (alone ? known.connection : null));
  useLayoutEffect(() => client?.expect(snapshot), [client, snapshot]);
  const [draft, setDraft] = useDraft(id);
  const sending = useSending(client, id, via, () => setDraft(""));
  const status: CardStatus =
    request?.status ?? (client === null ? "detached" : gone ? "gone" : "sending");
  const root = useFocusKept(request?.completion != null);
  const open = status === "pending" || status === "sending";
  const required = request?.required ?? snapshot;
  return (
    <article
      ref={root}
      class="chitl chitl-card"
      data-testid="hitl-card"
      data-request-id={id}
      data-status={status}
      aria-label={open ? "A crew waits for you" : "A crew's question"}
      tabIndex={-1}
    >
      <Question required={required} link={open ? connection : null} open={open} />
      {request?.claimedBy != null && open && (
        <p class="chitl-note">{request.claimedBy.name} is looking at this.</p>
      )}
      {open && (
        <AnswerForm
          required={required}
          text={draft}
          onText={setDraft}
          ready={status === "pending"}
          busy={sending.busy}
          error={sending.error}
          onDecide={sending.decide}
        />
      )}
      {request?.completion != null && (
        <AnswerRecord completion={request.completion} ownText={draft} notice={sending.notice} />
      )}
      <Note status={status} />
    </article>
  );
}

function Note({ status }: { readonly status: CardStatus }) {
  if (NOTES[status] === undefined) return null;
  return (
    <p class="chitl-note" data-testid="hitl-record" role="status">
      {NOTES[status]}
    </p>
  );
}

const NOTES: Readonly<Partial<Record<CardStatus, string>>> = {
  gone: "This request is no longer in the log.",
  detached: "This page is not connected to a Jupyter server; answer from the inbox page.",
};

interface Sending {
  readonly busy: Decision | null;
  /** Why the answer was not taken while the request stays open. */
  readonly error: string | null;
  /** Why the answer came too late. */
  readonly notice: string | null;
  readonly decide: (decision: Decision, saying: Saying) => void;
}

function useSending(client: Client | null, id: string, via: string, onTaken: () => void): Sending {
  const [busy, setBusy] = useState<Decision | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [notice, setNotice] = useState<string | null>(null);
  const send = async (decision: Decision, saying: Saying) => {
    if (client === null) return;
    setBusy(decision);
    setError(null);
    const outcome = await client.answer(id, answerFor(decision, saying, via));
    setBusy(null);
    if (outcome.kind === "accepted") onTaken();
    else if (outcome.kind === "unreachable") setError(UNREACHABLE);
    else if (outcome.refusal.event !== null) setNotice(outcome.refusal.message);
    else setError(outcome.refusal.message);
  };
  return { busy, error, notice, decide: (decision, saying) => void send(decision, saying) };
}

const UNREACHABLE = "The server cannot be reached. Nothing was lost: try again in a moment.";

/** When the form goes, so does the focus in it: keep it in the card, for those without a mouse. */
function useFocusKept(closed: boolean) {
  const root = useRef<HTMLElement>(null);
  const had = useRef(false);
  had.current = root.current?.contains(root.current.ownerDocument.activeElement) ?? false;
  useLayoutEffect(() => {
    if (closed && had.current) root.current?.focus({ preventScroll: true });
  }, [closed]);
  return root;
}
