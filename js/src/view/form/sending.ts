/**
 * Sends a card's answer and follows it: held, sent, accepted or refused.
 *
 * What can be undone is held for a moment first (`choices.ts` says what, `undo.ts` holds it), if
 * the page could still send it while it is left. Everything else is sent at once; a rejection also
 * replaces an answer that is held or being sent. While the server is away an answer waits for it
 * (`unsent.ts`), and can be taken back. What is held or waits outlasts
 * the card, and another card of the request shows it.
 * If the request does not accept an answer, it stays open and the wrong fields are shown; if the
 * answer is too late, the reason is shown. How answers travel is up to `client.ts`.
 */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Answer, Outcome } from "../../client/answers";
import type { Client, Kept } from "../../client/client";
import { Hold, undoMs } from "../../client/undo";
import type { FieldError } from "../../protocol/decode";
import { useClient } from "../use-client";

/** Why an answer was not accepted, while the request stays open. */
export interface Trouble {
  readonly message: string;
  readonly errors: readonly FieldError[];
}

interface State {
  /** The answer that can still be undone, for how long, and whether it was given on this card. */
  readonly held: { readonly answer: Answer; readonly ms: number; readonly fresh: boolean } | null;
  readonly busy: boolean;
  /** Whether a rejection can be sent: none is being sent already. */
  readonly rejectable: boolean;
  readonly trouble: Trouble | null;
  /** Why the reader's own answer was not used. */
  readonly notice: string | null;
}

export interface Sending extends State {
  /** The answer that waits until the server is back, or null. */
  readonly unsent: Answer | null;
  /** Whether something was sent of which it is not known whether it arrived. */
  readonly uncertain: boolean;
  /** Send an answer, at once or after the time to undo it. */
  readonly send: (answer: Answer, undoable: boolean) => void;
  /** Send a held answer now. */
  readonly sendNow: () => void;
  readonly undo: () => void;
  /** Show errors that were found before sending. */
  readonly showTrouble: (trouble: Trouble) => void;
  /** Clear the errors of a field that is being changed. */
  readonly clearErrors: (isOf: (path: string) => boolean) => void;
}

const IDLE: State = {
  held: null,
  busy: false,
  rejectable: true,
  trouble: null,
  notice: null,
};

export function useSending(
  client: Client | null,
  requestId: string,
  open: boolean,
  onAccepted: (answer: Answer) => void,
): Sending {
  const [state, setState] = useState(IDLE);
  const latest = useRef<Answer | null>(null);
  const isOpen = useRef(open);
  isOpen.current = open;
  const post = async (answer: Answer, decidedAt: number) => {
    if (client === null) return;
    latest.current = answer;
    setState({ ...IDLE, busy: true, rejectable: answer.decision !== "reject" });
    const outcome = await client.answer(requestId, answer, { decidedAt });
    if (latest.current !== answer) return; // a rejection replaced it and reports the outcome
    if (outcome.kind === "accepted") onAccepted(answer);
    const dropped = outcome.kind === "unreachable" && !isOpen.current;
    const uncertain = client.isUncertain(requestId);
    setState(dropped ? { ...IDLE, notice: DROPPED } : after(outcome, uncertain));
  };
  const release = (answer: Answer, decidedAt: number, leaving: boolean) => {
    if (!leaving) return void post(answer, decidedAt);
    client?.answerLeaving(requestId, answer, decidedAt);
    setState(IDLE); // if the browser restores the page, the log has the outcome
  };
  const [held, keep] = useHeld(client, requestId, open, release, setState);
  return {
    ...state,
    unsent: useClient(client, (known) => known.unsentAnswer(requestId)),
    uncertain: client?.isUncertain(requestId) === true,
    send: (answer, undoable) => {
      held.current?.hold.drop();
      const ms = undoable ? undoMs() : 0;
      const decidedAt = performance.now();
      const room = ms === 0 ? null : client?.reserveLeaving(answer);
      if (room == null) return void post(answer, decidedAt);
      keep({ hold: new Hold(ms, room, () => undefined), answer, decidedAt });
      setState({ ...IDLE, held: { answer, ms, fresh: true } });
    },
    sendNow: () => held.current?.hold.release(),
    undo: () => {
      if (!held.current?.hold.drop() && !client?.takeBackUnsent(requestId)) return;
      latest.current = null; // its outcome is no news
      setState(IDLE);
    },
    showTrouble: (trouble) => setState({ ...IDLE, trouble }),
    clearErrors: (isOf) =>
      setState((before) => ({ ...before, trouble: without(before.trouble, isOf) })),
  };
}

/** What this card holds: it leaves it to the client when it goes, and takes it when it comes. */
function useHeld(
  client: Client | null,
  id: string,
  open: boolean,
  release: (answer: Answer, decidedAt: number, leaving: boolean) => void,
  show: (state: State) => void,
): readonly [RefObject<Kept | null>, (kept: Kept) => void] {
  const held = useRef<Kept | null>(null);
  const kept = useClient(client, (known) => known.keptHold(id));
  const keep = (mine: Kept) => {
    held.current = mine;
    mine.hold.onRelease = (how) => {
      client?.dropKept(id);
      release(mine.answer, mine.decidedAt, how === "leaving");
    };
  };
  useLayoutEffect(() => {
    if (kept === null || client?.keptHold(id) !== kept) return; // another card was faster
    client.dropKept(id);
    if (!open) kept.hold.drop();
    if (kept.hold.isOver) return show({ ...IDLE, notice: DROPPED });
    keep(kept);
    show({ ...IDLE, held: { answer: kept.answer, ms: kept.hold.msLeft, fresh: false } });
  }, [kept]);
  useEffect(() => {
    if (!open && held.current?.hold.drop()) show({ ...IDLE, notice: DROPPED });
  }, [open]);
  useEffect(
    () => () => {
      if (held.current?.hold.isOver === false) client?.keepHold(id, held.current);
    },
    [],
  );
  return [held, keep];
}

function after(outcome: Outcome, uncertain: boolean): State {
  if (outcome.kind === "accepted") return IDLE;
  if (outcome.kind === "unreachable") {
    return { ...IDLE, trouble: { message: uncertain ? NO_REPLY : UNREACHABLE, errors: [] } };
  }
  const { message, errors, event } = outcome.refusal;
  return event === null ? { ...IDLE, trouble: { message, errors } } : { ...IDLE, notice: message };
}

function without(trouble: Trouble | null, isOf: (path: string) => boolean): Trouble | null {
  if (trouble === null || !trouble.errors.some(({ field }) => isOf(field))) return trouble;
  const errors = trouble.errors.filter(({ field }) => !isOf(field));
  return errors.length === 0 ? null : { ...trouble, errors };
}

const UNREACHABLE = "The server could not be reached. Your answer is still here: try again.";
const NO_REPLY =
  "No reply from the server: your answer may have arrived. It is still here: try again in a moment.";
const DROPPED = "Your decision was not sent: the request was already closed.";
