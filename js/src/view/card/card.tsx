/**
 * The card: one question and its outcome.
 *
 * It is drawn at once from the snapshot that came with it; from then on the client's state counts.
 * Answers go to the server, never to the kernel, which is blocked.
 */
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Answer } from "../../client/answers";
import type { Client } from "../../client/client";
import type { Asked, ClosingEvent } from "../../protocol/decode";
import type { HumanInputRequired } from "../../protocol/gen";
import { ruleScopes } from "../../protocol/rules";
import type { Request, Status } from "../../protocol/state";
import { AnswerForm, type AnswerFormProps, isEditing } from "../form/answer-form";
import { type Choices, choicesOf } from "../form/choices";
import { BLANK, type Drafting, useDraft } from "../form/draft";
import { Editor } from "../form/editor";
import { type Sending, useSending } from "../form/sending";
import { Subject } from "../form/subject";
import { onCardKey } from "../keyboard";
import { useMark } from "../lookalikes";
import { NameOffer } from "../name-offer";
import { titleWords } from "../title";
import { useClient } from "../use-client";
import { asker } from "../words";
import { Announcer } from "./announcer";
import { AnswerRecord } from "./answer-record";
import { Claim } from "./claim";
import { KernelHint } from "./kernel-hint";
import { heightToCome, MissingTexts, useTexts } from "./missing-texts";
import { FoldedQuestion, Question } from "./question";
import { useFocusAndScroll } from "./use-focus-and-scroll";

interface Props {
  /** Null when the page has no Jupyter server: then the card is read-only. */
  readonly client: Client | null;
  readonly snapshot: Asked;
  /** The surface that answers are sent from. */
  readonly via: string;
  /** The outcome saved in the notebook, for a log that no longer has the request. */
  readonly saved?: Request | null;
  /** Whether the card is in the cell that asks, and not in a list that shows the connection. */
  readonly alone?: boolean;
  /** Whether the question of a closed request is unfolded at first. */
  readonly unfolded?: boolean;
}

/** The status of a card: the request's own, or why it is not known. */
export type CardStatus = Status | "sending" | "gone" | "detached";

export function Card(props: Props) {
  const { client, snapshot, saved = null, alone = true } = props;
  const id = snapshot.request_id;
  const { request, status, isSaved } = useRequest(client, id, saved);
  const connection = useClient(client, (known) => (alone ? known.connection : null));
  useLayoutEffect(() => client?.expect(snapshot), [client, snapshot]);
  const open = status === "pending" || status === "sending";
  const root = useFocusAndScroll(open);
  const [required, missing] = useTexts(client, request, snapshot, root);
  const choices = useMemo(() => choicesOf(required), [required]);
  const drafting = useDraft(client?.server ?? "", id, request?.completion != null);
  useTyping(client, id, props.via, drafting);
  const sending = useSending(client, id, open, (taken) => clearSent(taken, drafting));
  const own = useClient(client, (known) => known.isOwn(id)) ?? false;
  const parts = { required, choices, drafting, sending };
  const places = { mark: useMark(client, id, !alone), inPlace: alone };
  return (
    <Subject.Provider value={subjectOf(required, places.mark)}>
      <article
        ref={root}
        class="chitl chitl-card"
        style={missing ? heightToCome() : undefined}
        data-testid="hitl-card"
        data-request-id={id}
        data-server={client?.server}
        data-status={status}
        aria-label={accessibleName(required, open, places.mark)}
        tabIndex={-1}
        data-lm-suppress-shortcuts="true" // JupyterLab's attribute: its keys stay away from the card
        onKeyDown={(event) => onCardKey(event, event.currentTarget)}
      >
        {request?.completion == null ? (
          <Question
            required={required}
            link={open ? connection : null}
            open={open}
            {...places}
            editor={open ? <DraftEditor {...parts} /> : null}
            edited={open && choices.edit === "draft" && isEditing(choices, drafting)}
          />
        ) : (
          <Outcome {...props} {...parts} {...places} completion={request.completion} own={own} />
        )}
        {open && <Claim client={client} request={request} />}
        {open && <KernelHint connection={connection} />}
        {missing && <MissingTexts client={client} id={id} />}
        {open && <Answerable {...props} {...parts} awaits={awaits(status, missing)} />}
        {open && alone && <NameOffer client={client} inCard={true} />}
        <Note status={isSaved ? "saved" : status} />
        <Announcer {...props} required={required} request={request} own={own} sending={sending} />
      </article>
    </Subject.Provider>
  );
}

interface OutcomeProps extends Pick<Props, "client" | "unfolded"> {
  readonly required: HumanInputRequired;
  readonly completion: ClosingEvent;
  readonly own: boolean;
  readonly drafting: Drafting;
  readonly sending: Sending;
  readonly mark: string;
  readonly inPlace: boolean;
}

/** What is left of a closed request: its outcome in one line, what was said, the question folded. */
function Outcome(props: OutcomeProps) {
  const { client, required, completion, own, drafting, sending, unfolded = false } = props;
  const { mark, inPlace } = props;
  return (
    <>
      <AnswerRecord
        client={client}
        required={required}
        completion={completion}
        own={own}
        draft={drafting.draft}
        notice={sending.notice}
      />
      <FoldedQuestion required={required} mark={mark} inPlace={inPlace} unfolded={unfolded} />
    </>
  );
}

/** Return the request from the log, or else as it was saved in the notebook. */
function useRequest(client: Client | null, id: string, saved: Request | null) {
  const logged = useClient(client, (known) => known.request(id)) ?? null;
  const gone = useClient(client, (known) => known.isGone(id));
  const request = logged ?? (gone || client === null ? saved : null);
  const unknown: CardStatus = client === null ? "detached" : gone ? "gone" : "sending";
  const status: CardStatus = request?.status ?? unknown;
  return { request, status, isSaved: logged === null && request !== null };
}

type AnswerableProps = Omit<AnswerFormProps, "rules"> & {
  readonly client: Client | null;
  readonly required: Asked;
};

/** The answer form, once the full question is loaded. */
function Answerable(props: AnswerableProps) {
  const { client, required } = props;
  const rules = client?.rules.canBeMade ? ruleScopes(required) : [];
  return required.brief ? null : <AnswerForm {...props} rules={rules} />;
}

/** Return what an answer has to wait for, as text; "" when it can be sent. */
function awaits(status: CardStatus, missing: boolean): string {
  if (status !== "pending") return "Sending to the server…";
  return missing ? "Loading…" : "";
}

/** Return the card's accessible name, which tells the cards of a list apart. */
function accessibleName(required: HumanInputRequired, open: boolean, mark: string): string {
  return `${asker(required)} ${open ? "asks" : "asked"}: ${subjectOf(required, mark)}`;
}

/** Return what a card's buttons are about, for those who hear a list of them. */
function subjectOf(required: HumanInputRequired, mark: string): string {
  return mark === "" ? titleWords(required) : `${titleWords(required)}, ${mark}`;
}

/** Clear the draft, except after an approval: that does not send the text, which can be copied. */
function clearSent({ decision }: Answer, { clear }: Drafting): void {
  if (decision !== "approve") clear();
}

interface EditorProps {
  readonly required: HumanInputRequired;
  readonly choices: Choices;
  readonly drafting: Drafting;
  readonly sending: Sending;
}

function DraftEditor({ required, choices, drafting, sending }: EditorProps) {
  const { draft, change } = drafting;
  const shown = choices.edit === "draft" && isEditing(choices, drafting);
  const once = useRef(shown); // open from the start after a page reload
  if (!shown || required.draft === null) {
    once.current = false;
    return null;
  }
  return (
    <Editor
      draft={required.draft}
      edited={draft.edited ?? required.draft}
      disabled={sending.busy || sending.held !== null || sending.unsent !== null}
      fresh={!once.current}
      onEdit={(edited) => change({ edited })}
    />
  );
}

/** Say to others that somebody is writing; a chosen option is not writing. */
function useTyping(client: Client | null, id: string, via: string, { draft }: Drafting): void {
  const { text, inputs, edited } = draft;
  const first = useRef(true);
  useEffect(() => {
    if (!first.current && draft !== BLANK) client?.typing(id, via);
    first.current = false;
  }, [text, inputs, edited]);
}

function Note({ status }: { readonly status: CardStatus | "saved" }) {
  if (NOTES[status] === undefined) return null;
  return (
    <p class="chitl-note" data-testid="hitl-record">
      {NOTES[status]}
    </p>
  );
}

const NOTES: Readonly<Partial<Record<CardStatus | "saved", string>>> = {
  saved: "Shown as saved in the notebook; the server's log does not have this request.",
  gone: "This request is no longer in the server's log.",
  detached: "This page is not connected to a Jupyter server. Answer from the inbox page.",
};
