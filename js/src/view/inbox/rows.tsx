/**
 * The dense list of a wide inbox: a row for each request, one of them open beside it.
 *
 * Only the open row is in the tab order; the arrow keys, Home and End go from row to row and open
 * each. Enter or a click goes on to the card. A row is drawn again only when it changes, because a
 * list may have hundreds.
 */
import type { VNode } from "preact";
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks";
import type { Client } from "../../client/client";
import type { Request } from "../../protocol/state";
import { claimWords } from "../card/claim";
import { timeLeft } from "../countdown";
import { type Marks, marksIn } from "../lookalikes";
import { titleOf } from "../title";
import { onlyIfChanged } from "../unchanged";
import { useClock } from "../use-client";
import { aroundAsker, asker, relative, verdict, wentOn } from "../words";
import { SelectBox, type Selecting } from "./item";
import { useInfiniteScroll } from "./use-infinite-scroll";

/** Rows drawn at first, and per step: more than a tall window has. */
const STEP = 60;

/** How often it is looked whether somebody has stopped writing. */
const LOOK_MS = 5000;

interface Props {
  readonly client: Client;
  readonly requests: readonly Request[];
  readonly openId: string | null;
  readonly selecting: (request: Request) => Selecting | null;
  /** Open a request; `enter` if the person goes on to its card. */
  readonly onOpen: (id: string, enter: boolean) => void;
}

export function Rows({ client, requests, openId, selecting, onOpen }: Props) {
  const now = useClock(LOOK_MS);
  const [drawn, end] = useInfiniteScroll(requests.length, STEP);
  const at = requests.findIndex(({ required }) => required.request_id === openId);
  const list = useRef<HTMLUListElement>(null);
  const rows = useRows(client, now, onOpen);
  const marks = marksIn(client);
  useEffect(() => {
    const row = list.current?.querySelector("[aria-current=true]");
    row?.scrollIntoView?.({ block: "nearest" });
  }, [openId]);
  return (
    <div class="chitl-rows">
      <ul
        ref={list}
        aria-label="Requests"
        data-testid="hitl-rows"
        onKeyDown={(event) => onArrow(event, list.current, onOpen)}
      >
        {requests
          .slice(0, Math.max(drawn, at + STEP / 2))
          .map((request) => rows(request, request === requests[at], selecting(request), marks))}
      </ul>
      <div ref={end} class="chitl-rows-end" />
    </div>
  );
}

/** Return a function that draws a row. */
function useRows(client: Client, clock: Date, onOpen: Props["onOpen"]) {
  const latest = useRef(onOpen);
  latest.current = onOpen;
  const enter = useCallback((id: string) => latest.current(id, true), []);
  const now = useMemo(() => clock, [Math.floor(clock.getTime() / 30_000)]);
  return (request: Request, open: boolean, selecting: Selecting | null, marks: Marks): VNode => {
    const id = request.required.request_id;
    return (
      <Row
        key={id}
        request={request}
        open={open}
        mark={marks.get(id)}
        claim={claimWords(client, request, clock)}
        unsent={unsentWords(client, id)}
        now={now}
        selecting={selecting}
        onOpen={enter}
      />
    );
  };
}

interface RowProps {
  readonly request: Request;
  readonly open: boolean;
  readonly mark: string | undefined;
  /** Who else is on it, or "". */
  readonly claim: string;
  /** That the reader's answer waits for the server, or "". */
  readonly unsent: string;
  readonly now: Date;
  readonly selecting: Selecting | null;
  readonly onOpen: (id: string) => void;
}

const Row = onlyIfChanged(RequestRow);

function RequestRow({ request, open, mark, claim, unsent, now, selecting, onOpen }: RowProps) {
  const { required, status } = request;
  const { text, round } = titleOf(required);
  return (
    <li
      class="chitl-row"
      data-testid="hitl-row"
      data-request-id={required.request_id}
      data-status={status}
    >
      {selecting !== null && <SelectBox required={required} selecting={selecting} />}
      <button
        type="button"
        class="chitl-row-open"
        data-row={required.request_id}
        aria-current={open ? "true" : undefined}
        tabIndex={open ? 0 : -1}
        onClick={() => onOpen(required.request_id)}
      >
        <span class="chitl-row-head">
          <span class="chitl-row-title" dir="auto">
            {text}
            {round !== "" && <span class="chitl-nth"> · {round}</span>}
          </span>
          <span class="chitl-details">{relative(required.timestamp, now)}</span>
        </span>
        <span class="chitl-details">
          <span>
            <bdi>{asker(required)}</bdi>
          </span>
          {aroundAsker(required, text).map(({ what, name }) => (
            <span key={`${what} ${name}`}>
              {what === "for" ? "for " : ""}
              <bdi>{name}</bdi>
            </span>
          ))}
        </span>
        <span class="chitl-details">
          <Outcome request={request} />
          {unsent !== "" && (
            <span class="chitl-reminded" data-testid="hitl-row-unsent">
              {unsent}
            </span>
          )}
          {claim !== "" && <span class="chitl-row-claim">{claim}</span>}
          {status === "pending" && <Deadline request={request} now={now} />}
          {mark !== undefined && <span>asked {mark}</span>}
        </span>
      </button>
    </li>
  );
}

function unsentWords(client: Client, id: string): string {
  if (client.unsentAnswer(id) === null) return "";
  return client.isUncertain(id) ? "may have arrived" : "not sent yet";
}

function Outcome({ request: { completion, required } }: { readonly request: Request }) {
  if (completion === null) return null;
  return (
    <span class={`chitl-mark chitl-is-${wentOn(completion) ? "yes" : "no"}`}>
      {verdict(completion, required.kind)}
    </span>
  );
}

/** The time left in minutes, because the list is drawn again twice a minute. */
function Deadline({ request, now }: { readonly request: Request; readonly now: Date }) {
  const { timestamp, expires_at } = request.required;
  const left = timeLeft(timestamp, expires_at, now);
  if (left === null || expires_at === null) return null;
  const minutes = Math.ceil((Date.parse(expires_at) - now.getTime()) / 60_000);
  const words = left.every > 1000 || minutes <= 0 ? left.text : `${minutes} min left`;
  return (
    <time class={left.urgent ? "chitl-reminded" : undefined} dateTime={expires_at}>
      {words}
    </time>
  );
}

function onArrow(event: KeyboardEvent, list: HTMLElement | null, onOpen: Props["onOpen"]): void {
  const rows = [...(list?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
  const at = rows.indexOf(event.target as HTMLElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  const row = at === -1 || to === undefined ? undefined : rows[to];
  if (row?.dataset.row === undefined) return;
  event.preventDefault();
  row.focus({ preventScroll: true });
  onOpen(row.dataset.row, false);
}
