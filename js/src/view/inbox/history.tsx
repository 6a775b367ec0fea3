/** The closed requests: one line each, which opens to the question, the answer and the trail. */
import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import type { Client } from "../../client/client";
import type { Endpoint } from "../../client/endpoint";
import {
  crewsOf,
  type Filters,
  facets,
  isFiltered,
  listingParameters,
  matches,
  NO_FILTERS,
} from "../../inbox/filters";
import { closedOnes, History, type Pages } from "../../inbox/history";
import type { Request } from "../../protocol/state";
import { marksOf } from "../lookalikes";
import { titleOf } from "../title";
import { useClock } from "../use-client";
import { askerWords, clockTime, person, verdict, wentOn } from "../words";
import { FullRequest } from "./full-request";
import type { InboxHost, ListProps } from "./host";
import { NothingFound } from "./nothing-found";
import { Toolbar } from "./toolbar";

/** Delay of a search while somebody types. */
const TYPING_MS = 200;

export function HistoryList({ client, host, filters, onFilters, search }: ListProps) {
  const [pages, older] = useHistory(host.endpoint, filters, client.all());
  const closed = closedOnes(pages.requests, client.all());
  const crews = crewsOf(closed);
  const found = closed.filter((request) => matches(request, filters, crews));
  const marks = marksOf(found);
  const idle = pages.phase === "ready";
  return (
    <div data-testid="hitl-history" aria-busy={pages.phase === "loading"}>
      <Toolbar
        client={client}
        filters={filters}
        facets={facets(closed, filters, crews)}
        onChange={onFilters}
        search={search}
      />
      {idle && closed.length === 0 && !pages.more && !isFiltered(filters) && (
        <p class="chitl-nothing">
          No closed requests yet. Answered, expired and cancelled requests appear here.
        </p>
      )}
      {idle && found.length === 0 && isFiltered(filters) && (
        <NothingFound onClear={() => onFilters(NO_FILTERS)}>
          {pages.more ? `No matches ${sinceWhen(closed)}.` : "No matches."}
        </NothingFound>
      )}
      <div class="chitl-entries">
        {found.map((request) => (
          <Entry
            key={request.required.request_id}
            client={client}
            request={request}
            host={host}
            mark={marks.get(request.required.request_id)}
          />
        ))}
      </div>
      <Foot pages={pages} onOlder={older} />
    </div>
  );
}

function Foot({ pages, onOlder }: { readonly pages: Pages; readonly onOlder: () => void }) {
  if (pages.phase === "forbidden") {
    return <p class="chitl-nothing">You do not have permission to see the history.</p>;
  }
  if (pages.phase === "failed") {
    return (
      <div class="chitl-nothing" role="alert">
        <p>The history could not be loaded.</p>
        <button type="button" class="chitl-button" onClick={onOlder}>
          Try again
        </button>
      </div>
    );
  }
  if (pages.phase === "loading") return <p class="chitl-nothing">Loading…</p>;
  if (!pages.more) return null;
  return (
    <div class="chitl-foot">
      <button type="button" class="chitl-button" data-testid="hitl-older" onClick={onOlder}>
        Show older
      </button>
    </div>
  );
}

interface EntryProps {
  readonly client: Client;
  readonly request: Request;
  readonly host: InboxHost;
}

function Entry({ client, request, host, mark }: EntryProps & { mark: string | undefined }) {
  const [open, setOpen] = useState(false);
  const { required } = request;
  return (
    <details
      class="chitl-entry"
      data-testid="hitl-entry"
      data-request-id={required.request_id}
      data-status={request.status}
      data-stop
      onToggle={(event) => {
        client.learned(request); // before the card looks it up
        setOpen(event.currentTarget.open);
      }}
    >
      <summary>
        <EntryLine request={request} mark={mark} />
      </summary>
      {open && (
        <div class="chitl-entry-body">
          <FullRequest client={client} request={request} host={host} />
        </div>
      )}
    </details>
  );
}

interface LineProps {
  readonly request: Request;
  /** What tells it from a line that looks the same. */
  readonly mark: string | undefined;
}

function EntryLine({ request, mark }: LineProps) {
  const now = useClock();
  const { required, completion } = request;
  const answered = completion?.type === "human_input_completed" ? completion : null;
  const how = answered === null ? request.status : wentOn(answered) ? "yes" : "no";
  const { text, round } = titleOf(required);
  return (
    <>
      <span class="chitl-entry-title" dir="auto">
        {text}
        {round !== "" && <span class="chitl-nth"> · {round}</span>}
      </span>
      <span class="chitl-details">
        <span class={`chitl-mark chitl-is-${how}`}>
          {completion === null ? request.status : verdict(completion, required.kind)}
        </span>
        {answered?.answered_by != null && <span>{person(answered.answered_by)}</span>}
        <span>
          <bdi>{askerWords(required, text)}</bdi>
        </span>
        {mark !== undefined && <span>asked {mark}</span>}
        <time dateTime={completion?.timestamp ?? required.timestamp}>
          {clockTime(completion?.timestamp ?? required.timestamp, now)}
        </time>
      </span>
    </>
  );
}

function useHistory(
  endpoint: Endpoint,
  filters: Filters,
  known: readonly Request[],
): readonly [Pages, () => void] {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const history = useRef<History | null>(null);
  history.current ??= new History(endpoint, () => redraw(0));
  const current = history.current;
  const crews = crewsOf([...known, ...current.pages.requests]);
  const query = JSON.stringify(listingParameters(filters, crews));
  useEffect(() => {
    const parameters = JSON.parse(query);
    void current.open(parameters, "q" in parameters ? TYPING_MS : 0);
    return () => current.stop();
  }, [current, query]);
  return [current.pages, () => void current.older()];
}

function sinceWhen(requests: readonly Request[]): string {
  const oldest = requests.at(-1);
  if (oldest === undefined) return "so far";
  return `back to ${new Date(oldest.required.timestamp).toLocaleDateString()}`;
}
