/** The page *Insights*: what passes at once, how long answers take, what is refused and why. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Endpoint } from "../../client/endpoint";
import { type Insights, insights, type Part, type Refusal } from "../../inbox/insights";
import { MOST_REQUESTS, PastAnswers, type Reading } from "../../inbox/past-answers";
import { tamed } from "../text/limits";
import { oneLine } from "../text/unseen";

/** Rows of a table that are shown. */
const ROWS = 20;

const DAY_MS = 86_400_000;

const PERIODS = [
  { days: 7, label: "Last 7 days" },
  { days: 30, label: "Last 30 days" },
  { days: 90, label: "Last 90 days" },
  { days: 0, label: "Everything" },
] as const;

export function InsightsPage({ endpoint }: { readonly endpoint: Endpoint }) {
  const [days, setDays] = useState(daysOf(location.hash));
  const [, setVersion] = useState(0);
  const past = useMemo(
    () => new PastAnswers(endpoint, () => setVersion((version) => version + 1)),
    [endpoint],
  );
  const since = useMemo(() => (days === 0 ? -Infinity : Date.now() - days * DAY_MS), [days]);
  useEffect(() => {
    void past.readSince(since);
    return () => past.stop();
  }, [past, since]);
  const choose = (chosen: number) => {
    history.replaceState(null, "", `#days=${chosen}`);
    setDays(chosen);
  };
  return (
    <section
      class="chitl chitl-insights"
      data-testid="hitl-insights-page"
      data-state={past.reading}
    >
      <header class="chitl-inbox-head">
        <h1>Insights</h1>
        <a class="chitl-link" href={endpoint.prefix}>
          Waiting for you
        </a>
        <label class="chitl-period">
          Asked in
          <select
            class="chitl-select"
            data-testid="hitl-period"
            value={String(days)}
            onChange={({ currentTarget }) => choose(Number(currentTarget.value))}
          >
            {PERIODS.map((period) => (
              <option key={period.days} value={String(period.days)}>
                {period.label}
              </option>
            ))}
          </select>
        </label>
      </header>
      <State past={past} again={() => void past.readSince(since)} />
      {past.reading === "ready" && <Numbers found={insights(past.decided, since)} />}
    </section>
  );
}

function daysOf(hash: string): number {
  const days = Number(/^#days=(\d+)$/.exec(hash)?.[1] ?? Number.NaN);
  return PERIODS.some((period) => period.days === days) ? days : 30;
}

interface StateProps {
  readonly past: PastAnswers;
  readonly again: () => void;
}

function State({ past, again }: StateProps) {
  return (
    <>
      <p class="chitl-note" role="status" data-testid="hitl-reading">
        {stateWords(past.reading, past.decided.length)}
        {past.isCut &&
          past.reading === "ready" &&
          `Only the latest ${MOST_REQUESTS.toLocaleString("en")} questions are counted. `}
      </p>
      {past.reading === "failed" && (
        <button type="button" class="chitl-button" data-testid="hitl-load-again" onClick={again}>
          Try again
        </button>
      )}
    </>
  );
}

function stateWords(reading: Reading, count: number): string {
  switch (reading) {
    case "reading":
      return `Reading the log: ${count.toLocaleString("en")} questions so far…`;
    case "failed":
      return "The server cannot be reached, so nothing is counted.";
    case "forbidden":
      return "You do not have permission to list the questions. Log in again, or ask the server's operator.";
    case "ready":
      return "";
  }
}

function Numbers({ found }: { readonly found: Insights }) {
  if (found.total === 0) {
    return (
      <p class="chitl-nothing" data-testid="hitl-no-insights">
        No question that was asked in this time has ended yet.
      </p>
    );
  }
  const { drafts, calls } = found;
  return (
    <>
      <dl class="chitl-figures">
        <Figure name="Drafts that pass at once" value={shareOf(drafts)} note={outOf(drafts)} />
        {calls.of > 0 && (
          <Figure name="Calls allowed unchanged" value={shareOf(calls)} note={outOf(calls)} />
        )}
        <Figure
          name="Time to answer"
          value={duration(found.median)}
          note={found.p90 === null ? "nobody answered" : `90 % within ${duration(found.p90)}`}
        />
        <Figure
          name="Questions that ended"
          value={found.total.toLocaleString("en")}
          note={endings(found)}
        />
      </dl>
      <Parts title="Drafts by crew" of="Crew" parts={found.crews} verb="Pass at once" />
      <Parts title="Drafts by agent" of="Agent" parts={found.agents} verb="Pass at once" />
      <Parts title="Calls by tool" of="Tool" parts={found.tools} verb="Allowed" />
      <Refusals refusals={found.refusals} />
    </>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

function Figure({ name, value, note }: FigureProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <strong>{value}</strong>
        <span>{note}</span>
      </dd>
    </div>
  );
}

interface PartsProps {
  readonly title: string;
  readonly of: string;
  readonly verb: string;
  readonly parts: readonly Part[];
}

function Parts({ title, of, verb, parts }: PartsProps) {
  if (parts.length === 0) return null;
  return (
    <Section title={title} hidden={parts.length - ROWS}>
      <thead>
        <tr>
          <th scope="col">{of}</th>
          <th scope="col">{verb}</th>
          <th scope="col" class="chitl-number">
            Median
          </th>
          <th scope="col" class="chitl-number">
            90 % within
          </th>
        </tr>
      </thead>
      <tbody>
        {parts.slice(0, ROWS).map((part) => (
          <tr key={part.name}>
            <th scope="row" dir="auto">
              {shown(part.name)}
            </th>
            <td>
              <Bar share={part.passed / part.of} />
              <span class="chitl-share">{shareOf(part)}</span> <small>{outOf(part)}</small>
            </td>
            <td class="chitl-number">{duration(part.median)}</td>
            <td class="chitl-number">{duration(part.p90)}</td>
          </tr>
        ))}
      </tbody>
    </Section>
  );
}

function Refusals({ refusals }: { readonly refusals: readonly Refusal[] }) {
  if (refusals.length === 0) return null;
  return (
    <Section title="Sent back or refused" hidden={refusals.length - ROWS}>
      <thead>
        <tr>
          <th scope="col">In these words</th>
          <th scope="col">To</th>
          <th scope="col" class="chitl-number">
            Times
          </th>
        </tr>
      </thead>
      <tbody>
        {refusals.slice(0, ROWS).map(({ words, whose, times }) => (
          <tr key={words}>
            <td dir="auto">{words === "" ? <em>Without a word</em> : shown(words)}</td>
            <td dir="auto">
              {shown(whose.slice(0, 3).join(", ")) + (whose.length > 3 ? " …" : "")}
            </td>
            <td class="chitl-number">{times.toLocaleString("en")}</td>
          </tr>
        ))}
      </tbody>
    </Section>
  );
}

interface SectionProps {
  readonly title: string;
  /** Rows that are not shown. */
  readonly hidden: number;
  readonly children: ComponentChildren;
}

function Section({ title, hidden, children }: SectionProps) {
  return (
    <section class="chitl-part">
      <h2>{title}</h2>
      <table>{children}</table>
      {hidden > 0 && <p class="chitl-note">and {hidden.toLocaleString("en")} more</p>}
    </section>
  );
}

/** A share as a bar; the number is beside it. */
function Bar({ share }: { readonly share: number }) {
  return (
    <svg class="chitl-share-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect class="chitl-share-all" width="100" height="8" rx="2" />
      <rect class="chitl-share-of" width={100 * share} height="8" rx="2" />
    </svg>
  );
}

function shown(text: string): string {
  return tamed(oneLine(text));
}

function shareOf({ passed, of }: Part): string {
  return of === 0 ? "–" : `${Math.round((100 * passed) / of)} %`;
}

function outOf({ passed, of }: Part): string {
  return of === 0
    ? "none was reviewed"
    : `${passed.toLocaleString("en")} of ${of.toLocaleString("en")}`;
}

function endings({ answered, byRules, cancelled, expired }: Insights): string {
  const ends: readonly (readonly [number, string])[] = [
    [answered - byRules, "answered"],
    [byRules, "answered by rules"],
    [cancelled, "cancelled"],
    [expired, "expired"],
  ];
  return ends
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count.toLocaleString("en")} ${word}`)
    .join(", ");
}

const UNITS = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
] as const;

function duration(seconds: number | null): string {
  if (seconds === null) return "–";
  const [size, unit] = UNITS.find(([least]) => seconds >= least) ?? [1, "s"];
  const amount = seconds / size;
  return `${amount < 10 && size > 1 ? amount.toFixed(1).replace(/\.0$/, "") : Math.round(amount)} ${unit}`;
}
