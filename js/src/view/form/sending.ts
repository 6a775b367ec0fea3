/**
 * A card's answer on its way: held for a moment, sent, taken or refused.
 *
 * What becomes of it: an approval is held for a moment (`undo.ts`); everything else goes at once,
 * and a refusal also in place of an approval that is held or on its way. An answer that the request
 * does not accept leaves the request open, with what was wrong field by field; one that came too
 * late leaves the reason. It knows nothing of how the answer travels (`client.ts`).
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Answer, Outcome } from "../../client/answers";
import type { Client } from "../../client/client";
import { Hold, undoMs } from "../../client/undo";
import type { FieldError } from "../../protocol/decode";

/** Why an answer was not taken while the request stays open. */
export interface Trouble {
  readonly message: string;
  readonly errors: readonly FieldError[];
}

interface State {
  /** The answer that can still be taken back, and for how long it could in all. */
  readonly held: { readonly answer: Answer; readonly ms: number } | null;
  readonly busy: boolean;
  /** Whether a refusal can still be sent: nothing of the kind is on its way. */
  readonly refusable: boolean;
  readonly trouble: Trouble | null;
  /** Why one's own answer was not taken although it was given. */
  readonly notice: string | null;
}

export interface Sending extends State {
  readonly send: (answer: Answer) => void;
  /** Send what is held without waiting. */
  readonly sendNow: () => void;
  readonly undo: () => void;
  /** Say what is wrong before anything is sent. */
  readonly refuse: (trouble: Trouble) => void;
  /** Forget what was said about a field that is being changed. */
  readonly mend: (isOf: (path: string) => boolean) => void;
}

const STILL: State = {
  held: null,
  busy: false,
  refusable: true,
  trouble: null,
  notice: null,
};

export function useSending(
  client: Client | null,
  requestId: string,
  open: boolean,
  onTaken: (answer: Answer) => void,
): Sending {
  const [state, setState] = useState(STILL);
  const hold = useRef<Hold | null>(null);
  const latest = useRef<Answer | null>(null);
  const post = async (answer: Answer, decidedAt: number) => {
    if (client === null) return;
    latest.current = answer;
    setState({ ...STILL, busy: true, refusable: answer.decision !== "reject" });
    const outcome = await client.answer(requestId, answer, { decidedAt });
    if (latest.current !== answer) return; // a refusal went in its place, and says the rest
    if (outcome.kind === "accepted") onTaken(answer);
    setState(after(outcome));
  };
  const release = (answer: Answer, decidedAt: number, leaving: boolean) => {
    if (!leaving) return void post(answer, decidedAt);
    client?.answerLeaving(requestId, answer, decidedAt);
    setState(STILL); // should the browser bring the page back, the log says what became of it
  };
  useEffect(() => {
    if (open || hold.current?.drop() !== true) return;
    setState({ ...STILL, notice: DROPPED });
  }, [open]);
  useEffect(() => () => hold.current?.release(), []);
  return {
    ...state,
    send: (answer) => {
      hold.current?.drop();
      const ms = isHeld(answer) ? undoMs() : 0;
      const decidedAt = performance.now();
      if (ms === 0) return void post(answer, decidedAt);
      hold.current = new Hold(ms, (how) => release(answer, decidedAt, how === "leaving"));
      setState({ ...STILL, held: { answer, ms } });
    },
    sendNow: () => hold.current?.release(),
    undo: () => {
      if (hold.current?.drop()) setState(STILL);
    },
    refuse: (trouble) => setState({ ...STILL, trouble }),
    mend: (isOf) => setState((before) => ({ ...before, trouble: without(before.trouble, isOf) })),
  };
}

/** What is one click, and lets something happen, may be regretted. */
function isHeld({ decision }: Answer): boolean {
  return decision === "approve";
}

function after(outcome: Outcome): State {
  if (outcome.kind === "accepted") return STILL;
  if (outcome.kind === "unreachable") {
    return { ...STILL, trouble: { message: UNREACHABLE, errors: [] } };
  }
  const { message, errors, event } = outcome.refusal;
  return event === null
    ? { ...STILL, trouble: { message, errors } }
    : { ...STILL, notice: message };
}

function without(trouble: Trouble | null, isOf: (path: string) => boolean): Trouble | null {
  if (trouble === null || !trouble.errors.some(({ field }) => isOf(field))) return trouble;
  const errors = trouble.errors.filter(({ field }) => !isOf(field));
  return errors.length === 0 ? null : { ...trouble, errors };
}

const UNREACHABLE =
  "The server cannot be reached. Your answer is still here: try again in a moment.";
const DROPPED = "Your decision was not sent: the request was already closed.";
