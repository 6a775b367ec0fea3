/**
 * Offers a person without an account to give their name, in one line that blocks nothing.
 *
 * It is there while a question waits, so that the first answer can already have the name; where
 * several cards would offer it, the first one does. A person who declines is not asked again in this
 * browser.
 */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Client } from "../client/client";
import { MAX_NAME_CHARS } from "../client/identity";
import { oneLine } from "./text/unseen";
import { useClient } from "./use-client";

interface Props {
  readonly client: Client | null;
  /** Whether other cards of the page offer it as well: then the first of them does. */
  readonly inCard?: boolean;
}

export function NameOffer({ client, inCard = false }: Props) {
  const anonymous = useClient(client, (known) => known.identity.anonymous);
  const live = useClient(client, (known) => known.connection.phase === "live");
  const [name, setName] = useState<string | null>(null);
  useEffect(() => {
    if (live) void client?.identity.look();
  }, [client, live]);
  const isFirst = useFirst(inCard && anonymous !== null && name === null);
  if (client === null) return null;
  if (name !== null) return <Named name={name} />;
  return anonymous === null || (inCard && !isFirst) ? null : (
    <Offer client={client} anonymous={anonymous} onNamed={setName} />
  );
}

/** The cards of this page that would offer it, the first one first. */
const cards: (() => void)[] = [];

/** Whether this is the first card that wants to offer it. */
function useFirst(wants: boolean): boolean {
  const [isFirst, setFirst] = useState(false);
  useLayoutEffect(() => {
    if (!wants) return;
    const look = () => setFirst(cards[0] === look);
    cards.push(look);
    look();
    return () => {
      cards.splice(cards.indexOf(look), 1);
      cards[0]?.();
    };
  }, [wants]);
  return wants && isFirst;
}

/** It has the focus of the field that it replaces. */
function Named({ name }: { readonly name: string }) {
  const note = useRef<HTMLParagraphElement>(null);
  useEffect(() => note.current?.focus({ preventScroll: true }), []);
  return (
    <p ref={note} class="chitl-note" data-testid="hitl-named" role="status" tabIndex={-1}>
      Answering as <bdi>{name}</bdi>
    </p>
  );
}

interface OfferProps {
  readonly client: Client;
  readonly anonymous: string;
  readonly onNamed: (name: string) => void;
}

function Offer({ client, anonymous, onNamed }: OfferProps) {
  const [asking, setAsking] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const close = () => {
    setAsking(false);
    opener.current?.focus({ preventScroll: true });
  };
  return (
    <div class="chitl-note chitl-name-offer" data-testid="hitl-name-offer">
      <span>
        Answering as <bdi>{anonymous}</bdi>
      </span>
      <button
        ref={opener}
        type="button"
        class="chitl-link"
        data-testid="hitl-give-name"
        aria-expanded={asking}
        onClick={() => setAsking(!asking)}
      >
        Give your name
      </button>
      <button
        type="button"
        class="chitl-link"
        data-testid="hitl-keep-name"
        aria-label="Keep this name and do not ask again"
        title="Do not ask again"
        onClick={() => client.identity.decline()}
      >
        Keep this name
      </button>
      {asking && <NameForm client={client} onNamed={onNamed} onClose={close} />}
    </div>
  );
}

interface FormProps {
  readonly client: Client;
  readonly onNamed: (name: string) => void;
  readonly onClose: () => void;
}

function NameForm({ client, onNamed, onClose }: FormProps) {
  const [text, setText] = useState("");
  const { busy, error, save } = useSaving(client, oneLine(text), onNamed);
  return (
    <form
      class="chitl-name-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <input
        ref={begin}
        class="chitl-text"
        data-testid="hitl-name"
        aria-label="Your name, as others see it"
        autocomplete="name"
        dir="auto"
        maxLength={MAX_NAME_CHARS}
        placeholder="Your name"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation(); // it would undo an answer, or leave the card
          onClose();
        }}
      />
      <button type="submit" class="chitl-button chitl-small" disabled={busy}>
        Save
      </button>
      {error !== null && (
        <span class="chitl-error" role="alert">
          {error}
        </span>
      )}
    </form>
  );
}

function useSaving(client: Client, name: string, onNamed: (name: string) => void) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const save = async () => {
    if (name === "" || busy) return;
    setBusy(true);
    const refusal = await client.identity.give(name);
    setBusy(false);
    setError(refusal);
    if (refusal === null) onNamed(name);
  };
  return { busy, error, save };
}

/** Focus the field; a stable function is called only once. */
function begin(element: HTMLElement | null): void {
  element?.focus({ preventScroll: true });
}
