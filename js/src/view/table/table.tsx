/** A data frame as a table: its index, types, numbers at the right; sorted, searched and paged. */

import { useMemo, useRef, useState } from "preact/hooks";
import { capitalized } from "../text/capitalized";
import { LongText } from "../text/show-more";
import { cellText, isMissing, isNumeric, type Order, placesOf } from "./cells";
import type { Cell, Field, Table } from "./resource";

/** Rows on one page: a screen of a laptop. */
const PAGE_ROWS = 20;

/** Up to this many rows a person finds one without help. */
const FEW_ROWS = 5;

/** Characters of a cell shown at first, and how many more are shown rather than a button for them. */
const CELL_CHARS = 160;
const SPARE_CHARS = 60;

export function DataTable({ table }: { readonly table: Table }) {
  const [sought, setSought] = useState("");
  const [order, setOrder] = useState<Order | null>(null);
  const [page, setPage] = useState(0);
  const places = useMemo(() => placesOf(table, sought, order), [table, sought, order]);
  const first = page * PAGE_ROWS;
  const host = useRef<HTMLDivElement>(null);
  const turn = (to: number) => {
    setPage(to);
    const top = host.current;
    if (top !== null && isAbove(top)) top.scrollIntoView({ block: "start" });
  };
  const seek = (text: string) => {
    setSought(text);
    setPage(0);
  };
  const sort = (field: number) => {
    setOrder(nextOrder(order, field));
    setPage(0);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would belong to the answer's form
    <div ref={host} class="chitl-table" data-testid="hitl-table" role="group" aria-label="Table">
      <Bar table={table} found={places.length} sought={sought} order={order} onSeek={seek} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table scrolls (WCAG 2.1.1) */}
      <section class="chitl-scroll" aria-label="Rows" tabIndex={0}>
        <table>
          <Head fields={table.fields} order={order} onSort={sort} />
          <tbody>
            {places.slice(first, first + PAGE_ROWS).map((place) => (
              <Row key={place} fields={table.fields} cells={table.rows[place] ?? []} />
            ))}
          </tbody>
        </table>
      </section>
      <Pages page={page} rows={places.length} onPage={turn} />
    </div>
  );
}

/** Whether its top is out of sight: the first row of the next page is there. */
function isAbove(element: HTMLElement): boolean {
  return element.getBoundingClientRect().top < 0;
}

interface BarProps {
  readonly table: Table;
  readonly found: number;
  readonly sought: string;
  readonly order: Order | null;
  readonly onSeek: (text: string) => void;
}

/** How much of the frame this is, and a field to find rows. */
function Bar({ table, found, sought, order, onSeek }: BarProps) {
  const seeking = sought.trim() !== "";
  const partly = table.isCut && (seeking || order !== null);
  return (
    <div class="chitl-table-bar">
      <span class="chitl-table-extent" data-testid="hitl-table-extent">
        {capitalized(table.extent)}
      </span>
      <span role="status" data-testid="hitl-table-found">
        {seeking && `${found} found`}
        {partly &&
          `${seeking ? "; o" : "O"}nly these ${table.rows.length} rows are searched and sorted`}
      </span>
      {table.rows.length > FEW_ROWS && (
        <input
          type="search"
          placeholder="Find in the table"
          aria-label="Find in the table"
          data-testid="hitl-table-find"
          value={sought}
          onInput={(event) => onSeek(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Escape" || sought === "") return;
            event.stopPropagation(); // the card would take the focus
            onSeek("");
          }}
        />
      )}
    </div>
  );
}

interface HeadProps {
  readonly fields: readonly Field[];
  readonly order: Order | null;
  readonly onSort: (field: number) => void;
}

function Head({ fields, order, onSort }: HeadProps) {
  return (
    <thead>
      <tr>
        {fields.map((field, at) => {
          const sorted = order?.field === at ? order : null;
          const way = sorted === null ? "none" : sorted.descending ? "descending" : "ascending";
          return (
            <th key={field.name} scope="col" aria-sort={way} class={look(field)}>
              <button type="button" data-testid="hitl-table-sort" onClick={() => onSort(at)}>
                <bdi>{field.title || (field.isIndex ? "index" : "unnamed")}</bdi>
                <small>{field.dtype || field.type}</small>
              </button>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

interface RowProps {
  readonly fields: readonly Field[];
  readonly cells: readonly Cell[];
}

function Row({ fields, cells }: RowProps) {
  return (
    <tr>
      {fields.map((field, at) => {
        const cell = cells[at] ?? null;
        const words = cellText(cell, field.type);
        const fits = words.length <= CELL_CHARS + SPARE_CHARS;
        const text = <LongText text={words} most={fits ? words.length : CELL_CHARS} />;
        const kind = `${look(field)}${isMissing(cell) ? " chitl-is-missing" : ""}`;
        return field.isIndex ? (
          <th key={field.name} scope="row" dir="auto" class={kind}>
            {text}
          </th>
        ) : (
          <td key={field.name} dir="auto" class={kind}>
            {text}
          </td>
        );
      })}
    </tr>
  );
}

interface PagesProps {
  readonly page: number;
  readonly rows: number;
  readonly onPage: (page: number) => void;
}

function Pages({ page, rows, onPage }: PagesProps) {
  const last = Math.ceil(rows / PAGE_ROWS) - 1;
  if (last < 1) return null;
  const end = Math.min(rows, (page + 1) * PAGE_ROWS);
  return (
    <nav class="chitl-table-pages" aria-label="Pages of the table">
      <Turn
        words="Previous"
        hook="hitl-table-previous"
        off={page === 0}
        to={() => onPage(page - 1)}
      />
      <span role="status" data-testid="hitl-table-page">
        {page * PAGE_ROWS + 1}–{end} of {rows}
      </span>
      <Turn words="Next" hook="hitl-table-next" off={page === last} to={() => onPage(page + 1)} />
    </nav>
  );
}

interface TurnProps {
  readonly words: string;
  readonly hook: string;
  readonly off: boolean;
  readonly to: () => void;
}

/** A button that keeps the focus when there is no further page. */
function Turn({ words, hook, off, to }: TurnProps) {
  return (
    <button
      type="button"
      class="chitl-more"
      data-testid={hook}
      aria-disabled={off}
      onClick={() => off || to()}
    >
      {words}
    </button>
  );
}

/** Ascending, descending, then as the frame had it. */
function nextOrder(order: Order | null, field: number): Order | null {
  if (order?.field !== field) return { field, descending: false };
  return order.descending ? null : { field, descending: true };
}

function look(field: Field): string {
  return isNumeric(field.type) ? "chitl-is-number" : "";
}
