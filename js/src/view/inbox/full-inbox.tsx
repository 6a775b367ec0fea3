/**
 * The full inbox: pending requests, the history, and single requests by URL.
 *
 * The inbox page and JupyterLab's panel show it; `host` holds the differences between the two. The
 * cards are the same as under a cell.
 */
import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Client } from "../../client/client";
import { urlOf } from "../../client/endpoint";
import { type Filters, NO_FILTERS } from "../../inbox/filters";
import type { Place } from "../../inbox/place";
import { isPending } from "../card/request-cards";
import { Connection } from "../connection";
import { NameOffer } from "../name-offer";
import { useClient } from "../use-client";
import { ConnectionProblem } from "./connection-problem";
import type { InboxHost } from "./host";
import { onDemand, PartsProvider, useParts } from "./on-demand";
import { PendingList } from "./pending";
import { type Action, moveFocus, useShortcuts } from "./shortcuts";
import { usePlace } from "./use-place";
import { useWide } from "./use-wide";

const InboxAnnouncer = onDemand((parts) => parts.InboxAnnouncer, null);
const HistoryList = onDemand((parts) => parts.HistoryList);
const RulesDialog = onDemand((parts) => parts.RulesDialog);
const SettingsDialog = onDemand((parts) => parts.SettingsDialog);
const ShortcutsDialog = onDemand((parts) => parts.ShortcutsDialog);
const SingleRequest = onDemand((parts) => parts.SingleRequest);

interface Props {
  readonly client: Client;
  readonly host: InboxHost;
}

type Open = "shortcuts" | "settings" | "rules" | null;

export function FullInbox({ client, host }: Props) {
  useClient(client, (known) => known.version);
  const [place, go] = usePlace(host.ownsPage);
  const [filters, setFilters] = useState<Filters>(NO_FILTERS);
  const [open, setOpen] = useState<Open>(null);
  const root = useRef<HTMLElement>(null);
  const search = useRef<HTMLInputElement>(null);
  useShortcuts(root, host.ownsPage, (action) => act(action, root, search, go, setOpen));
  const wide = useWide(host.ownsPage) && place.view === "pending";
  const common = { client, host, filters, onFilters: setFilters, search };
  return (
    <PartsProvider value={useParts()}>
      <section
        ref={root}
        class={`chitl chitl-inbox chitl-full${wide ? " chitl-is-wide" : ""}`}
        data-testid={host.testId}
        data-view={place.view}
        aria-label="Waiting for you"
      >
        <Head client={client} place={place} go={go} host={host} onOpen={setOpen} />
        {place.view !== "history" && client.all().some(isPending) && <NameOffer client={client} />}
        <InboxAnnouncer client={client} />
        {place.view === "pending" && <PendingList {...common} wide={wide} />}
        {place.view === "history" && <HistoryList {...common} />}
        {place.view === "request" && (
          <>
            <div class="chitl-sticky">
              <ConnectionProblem client={client} />
            </div>
            <SingleRequest
              key={place.id}
              client={client}
              host={host}
              id={place.id}
              onBack={() => go({ view: "pending" })}
            />
          </>
        )}
        {open === "shortcuts" && <ShortcutsDialog onClose={() => setOpen(null)} />}
        {open === "rules" && <RulesDialog client={client} onClose={() => setOpen(null)} />}
        {open === "settings" && <SettingsDialog onClose={() => setOpen(null)} />}
      </section>
    </PartsProvider>
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
    case "shortcuts":
      open("shortcuts");
  }
}

interface HeadProps {
  readonly client: Client;
  readonly place: Place;
  readonly go: (place: Place) => void;
  readonly host: InboxHost;
  readonly onOpen: (what: Open) => void;
}

function Head({ client, place, go, host, onOpen }: HeadProps) {
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
          {host.ownsPage && (
            <a class="chitl-tab" href={urlOf(host.endpoint, "insights").href}>
              Insights
            </a>
          )}
        </nav>
        <IconButton
          testId="hitl-open-rules"
          label="Rules"
          icon={SHIELD}
          onClick={() => onOpen("rules")}
        />
        <IconButton
          testId="hitl-open-settings"
          label="Settings"
          icon={GEAR}
          onClick={() => host.openSettings() || onOpen("settings")}
        />
        <IconButton
          testId="hitl-open-keys"
          label="Keyboard shortcuts"
          icon={KEYBOARD}
          shortcut="?"
          onClick={() => onOpen("shortcuts")}
        />
      </div>
    </header>
  );
}

const GEAR =
  "M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM6.9 1h2.2l.4 1.9 1.2.5 1.6-1 1.6 1.6-1 1.6.5 1.2L15.2 7v2.1l-1.9.4-.5 1.2 1 1.6-1.5 1.6-1.6-1-1.2.5L9.1 15H6.9l-.4-1.7-1.2-.5-1.6 1-1.6-1.6 1-1.6-.5-1.2L.8 9V7l1.9-.4.5-1.2-1-1.6 1.5-1.6 1.6 1 1.2-.5z";

const SHIELD =
  "M8 1 2.5 3v4.5c0 3.4 2.3 6 5.5 7.5 3.2-1.5 5.5-4.1 5.5-7.5V3zM8 2.6l4 1.5v3.4c0 2.5-1.6 4.5-4 5.8-2.4-1.3-4-3.3-4-5.8V4.1zM7.2 8.3 5.9 7l-1 1 2.3 2.3 4-4-1-1z";

const KEYBOARD =
  "M1.5 3.5h13a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zM3 5.5v1h1v-1zm2.5 0v1h1v-1zm2.5 0v1h1v-1zm2.5 0v1h2v-1zM3 9.5v1h1v-1zm2.5 0v1h5v-1zm6.5 0v1h1v-1z";

interface IconButtonProps {
  readonly testId: string;
  readonly label: string;
  /** An SVG path in a 16 × 16 box. */
  readonly icon: string;
  readonly shortcut?: string;
  readonly onClick: () => void;
}

function IconButton({ testId, label, icon, shortcut, onClick }: IconButtonProps) {
  return (
    <button
      type="button"
      class="chitl-button chitl-quiet chitl-icon-button"
      data-testid={testId}
      title={label}
      aria-label={label}
      aria-keyshortcuts={shortcut}
      onClick={onClick}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path fill="currentColor" fill-rule="evenodd" d={icon} />
      </svg>
    </button>
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
