/**
 * The card: one question and what became of it.
 *
 * It is drawn at once from the snapshot that came with it; from then on the client says what
 * is true. Answering goes to the server, never to the kernel, which is blocked.
 */
import type { ComponentType } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Answer } from "../../client/answers";
import type { Client } from "../../client/client";
import type { Asked } from "../../protocol/decode";
import type { HumanInputRequired } from "../../protocol/gen";
import type { Request, Status } from "../../protocol/state";
import { AnswerForm, type AnswerFormProps, isEditing } from "../form/answer-form";
import { type Choices, choicesOf } from "../form/choices";
import { type Drafting, useDraft } from "../form/draft";
import { Editor } from "../form/editor";
import { type Sending, useSending } from "../form/sending";
import { onCardKey } from "../keys";
import { useClient } from "../use-client";
import { asker } from "../words";
import { Announcer } from "./announcer";
import { AnswerRecord } from "./answer-record";
import { KernelHint } from "./kernel-hint";
import { MissingTexts, useTexts } from "./missing-texts";
import { Question } from "./question";
import { useFocusAndScroll } from "./use-focus-and-scroll";

interface Props {
  /** Null when the page is none of a Jupyter server: then the card can only be read. */
  readonly client: Client | null;
  readonly snapshot: Asked;
  /** The surface that an answer is given on. */
  readonly via: string;
  /** How it ended, as the notebook was saved with it: for a log that knows it no more. */
  readonly saved?: Request | null;
  /** Whether the connection's state is shown here, or already by the list around it. */
  readonly alone?: boolean;
}

/** How a card is drawn: alone, or with what belongs to it on this page. */
export type DrawCard = ComponentType<{
  readonly client: Client | null;
  readonly snapshot: HumanInputRequired;
  readonly via: string;
  /** How it ended, as the notebook was saved with it. */
  readonly saved: Request | null;
}>;

/** What a card shows: the request's own status, or why it has none. */
export type CardStatus = Status | "sending" | "gone" | "detached";

export function Card({ client, snapshot, via, saved = null, alone = true }: Props) {
  const id = snapshot.request_id;
  const { request, status, isSaved } = useRequest(client, id, saved);
  const connection = useClient(client, (known) => (alone ? known.connection : null));
  useLayoutEffect(() => client?.expect(snapshot), [client, snapshot]);
  const open = status === "pending" || status === "sending";
  const [root, host] = useFocusAndScroll(open);
  const [required, missing] = useTexts(client, request, snapshot, root);
  const choices = useMemo(() => choicesOf(required), [required]);
  const drafting = useDraft(id);
  const sending = useSending(client, id, open, (taken) => clearSent(taken, drafting));
  const parts = { required, choices, drafting, sending };
  return (
    <article
      ref={root}
      class="chitl chitl-card"
      data-testid="hitl-card"
      data-request-id={id}
      data-status={status}
      aria-label={heard(required, open)}
      tabIndex={-1}
      {...host}
      onKeyDown={(event) => onCardKey(event, event.currentTarget)}
    >
      <Question
        required={required}
        link={open ? connection : null}
        open={open}
        editor={open ? <DraftEditor {...parts} /> : null}
        edited={open && choices.edit === "draft" && isEditing(choices, drafting)}
      />
      {open && <Claim request={request} />}
      {open && <KernelHint connection={connection} />}
      {missing && <MissingTexts client={client} id={id} />}
      {open && <Answerable {...parts} awaits={awaits(status, missing)} via={via} />}
      {request?.completion != null && (
        <AnswerRecord
          required={required}
          completion={request.completion}
          draft={drafting.draft}
          notice={sending.notice}
        />
      )}
      <Note status={isSaved ? "saved" : status} />
      <Announcer required={required} request={request} held={sending.held} />
    </article>
  );
}

/** What is known of the request: by the log, or else by the notebook as it was saved. */
function useRequest(client: Client | null, id: string, saved: Request | null) {
  const logged = useClient(client, (known) => known.request(id)) ?? null;
  const gone = useClient(client, (known) => known.isGone(id));
  const request = logged ?? (gone || client === null ? saved : null);
  const unknown: CardStatus = client === null ? "detached" : gone ? "gone" : "sending";
  const status: CardStatus = request?.status ?? unknown;
  return { request, status, isSaved: logged === null && request !== null };
}

/** The form, once it is known what can be answered. */
function Answerable(props: AnswerFormProps & { readonly required: Asked }) {
  return props.required.brief ? null : <AnswerForm {...props} />;
}

/** What an answer waits for, as people are told; "" when it can be sent. */
function awaits(status: CardStatus, missing: boolean): string {
  if (status !== "pending") return "Sending to the server…";
  return missing ? "Loading…" : "";
}

/** The card's name for those who hear a list of cards: they are told apart by who asks. */
function heard(required: HumanInputRequired, open: boolean): string {
  const { name } = asker(required);
  return open ? `${name} is waiting for you` : `Question from ${name}`;
}

/** An approval sends nothing of what is written: that stays on the card, to be copied. */
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
  const once = useRef(shown); // open from the start: the page was reloaded
  if (!shown || required.draft === null) {
    once.current = false;
    return null;
  }
  return (
    <Editor
      draft={required.draft}
      edited={draft.edited ?? required.draft}
      disabled={sending.busy || sending.held !== null}
      fresh={!once.current}
      onEdit={(edited) => change({ edited })}
    />
  );
}

function Claim({ request }: { readonly request: Request | null }) {
  if (request?.claimedBy == null) return null;
  return (
    <p class="chitl-note">
      <bdi>{request.claimedBy.name}</bdi> is looking at this.
    </p>
  );
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
