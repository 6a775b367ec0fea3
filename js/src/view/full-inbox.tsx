/**
 * The inbox in full: what waits, the history, one request by its address.
 *
 * It stands on the inbox page and in JupyterLab's panel; `surroundings` is what differs there.
 * The cards are the same as under a cell.
 */
import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Client } from "../client";
import { type Filters, NO_FILTERS } from "../filters";
import type { Place } from "../place";

import { Connection } from "./connection";
import { HistoryList } from "./inbox-history";
import { News } from "./inbox-news";
import { PendingList } from "./inbox-pending";
import { Single } from "./inbox-single";
import { KeysSheet } from "./keys-sheet";
import { LinkTrouble } from "./link-trouble";
import { SettingsSheet } from "./settings-sheet";
import { type Action, moveFocus, useShortcuts } from "./shortcuts";
import type { Surroundings } from "./surroundings";
import { useClient } from "./use-client";
import { usePlace } from "./use-place";
import { isPending } from "./waiting";

interface Props {
  readonly client: Client;
  readonly surroundings: Surroundings;
}

type Open = "keys" | "settings" | null;

export function FullInbox({ client, surroundings }: Props) {
  useClient(client, (known) => known.version);
  const [place, go] = usePlace(surroundings.ownsPage);
  const [filters, setFilters] = useState<Filters>(NO_FILTERS);
  const [open, setOpen] = useState<Open>(null);
  const root = useRef<HTMLElement>(null);
  const search = useRef<HTMLInputElement>(null);
  useShortcuts(root, surroundings.ownsPage, (action) => act(action, root, search, go, setOpen));
  const common = { client, surroundings, filters, onFilters: setFilters, search };
  return (
    <section
      ref={root}
      class="chitl chitl-inbox chitl-full"
      data-testid={surroundings.testId}
      data-view={place.view}
      aria-label="Waiting for you"
    >
      <Head client={client} place={place} go={go} surroundings={surroundings} onOpen={setOpen} />
      <LinkTrouble client={client} />
      <News client={client} />
      {place.view === "pending" && <PendingList {...common} />}
      {place.view === "history" && <HistoryList {...common} />}
      {place.view === "request" && (
        <Single
          key={place.id}
          client={client}
          surroundings={surroundings}
          id={place.id}
          onBack={() => go({ view: "pending" })}
        />
      )}
      {open === "keys" && <KeysSheet onClose={() => setOpen(null)} />}
      {open === "settings" && <SettingsSheet onClose={() => setOpen(null)} />}
    </section>
  );
}

function act(
  action: Action,
  root: RefObject<HTMLElement | null>,
  search: RefObject<HTMLInputElement | null>,
  go: (place: Place) => void,
  open: (what: Open) => void,
): void {
  switch (action) {
    case "next":
    case "previous":
      if (root.current !== null) moveFocus(root.current, action === "next" ? 1 : -1);
      return;
    case "search":
      search.current?.focus();
      return;
    case "pending":
    case "history":
      go({ view: action });
      return;
    case "keys":
      open("keys");
  }
}

interface HeadProps {
  readonly client: Client;
  readonly place: Place;
  readonly go: (place: Place) => void;
  readonly surroundings: Surroundings;
  readonly onOpen: (what: Open) => void;
}

function Head({ client, place, go, surroundings, onOpen }: HeadProps) {
  const count = client.all().filter(isPending).length;
  return (
    <header class="chitl-full-head">
      <div class="chitl-inbox-head">
        <h1>Waiting for you</h1>
        <span class="chitl-count" data-testid="hitl-count">
          {count}
        </span>
        <Connection state={client.connection} />
      </div>
      <div class="chitl-bar">
        <nav class="chitl-tabs" aria-label="Lists">
          <Tab view="pending" place={place} go={go} label="Pending" />
          <Tab view="history" place={place} go={go} label="History" />
        </nav>
        <button
          type="button"
          class="chitl-button chitl-quiet"
          data-testid="hitl-open-settings"
          onClick={surroundings.openSettings ?? (() => onOpen("settings"))}
        >
          Settings
        </button>
        <button
          type="button"
          class="chitl-button chitl-quiet"
          data-testid="hitl-open-keys"
          aria-keyshortcuts="?"
          onClick={() => onOpen("keys")}
        >
          Keys
        </button>
      </div>
    </header>
  );
}

interface TabProps {
  readonly view: "pending" | "history";
  readonly place: Place;
  readonly go: (place: Place) => void;
  readonly label: string;
}

function Tab({ view, place, go, label }: TabProps) {
  return (
    <button
      type="button"
      class="chitl-tab"
      data-testid={`hitl-tab-${view}`}
      aria-current={place.view === view ? "page" : undefined}
      aria-keyshortcuts={view === "pending" ? "g" : "h"}
      onClick={() => go({ view })}
    >
      {label}
    </button>
  );
}
