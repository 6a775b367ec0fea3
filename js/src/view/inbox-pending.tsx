/** What waits, with everything that helps when it is much: filters, search, selecting. */
import { useState } from "preact/hooks";
import { alike, isSimple, likeness } from "../bulk";
import { facets, isFiltered, matches, NO_FILTERS } from "../filters";
import type { Request } from "../state";
import { Nothing } from "./inbox";
import { BulkBar } from "./inbox-bulk";
import { Item, type Selecting } from "./inbox-item";
import { NothingFound, Toolbar } from "./inbox-toolbar";
import type { ListProps } from "./surroundings";
import { useGrowing } from "./use-growing";
import { isPending, useCards, useShown } from "./waiting";

export function PendingList({ client, surroundings, filters, onFilters, search }: ListProps) {
  const shown = useShown(client.all());
  const found = shown.filter((request) => matches(request, filters));
  const selection = useSelection(found);
  const cards = useCards(client, surroundings.via);
  const [drawn, end] = useGrowing(found.length);
  const waiting = found.filter(isPending).length;
  return (
    <>
      <Toolbar
        filters={filters}
        facets={facets(shown, filters)}
        onChange={onFilters}
        search={search}
      >
        {(waiting > 1 || selection.on) && (
          <SelectButton
            on={selection.on}
            toggle={selection.on ? selection.stop : selection.start}
          />
        )}
      </Toolbar>
      {shown.length === 0 && <Nothing client={client} />}
      {shown.length > 0 && found.length === 0 && isFiltered(filters) && (
        <NothingFound onClear={() => onFilters(NO_FILTERS)} />
      )}
      <div class="chitl-list">
        {found.slice(0, drawn).map((request) => (
          <Item
            key={request.required.request_id}
            required={request.required}
            surroundings={surroundings}
            selecting={selection.of(request)}
          >
            {cards(request)}
          </Item>
        ))}
      </div>
      <div ref={end} />
      {selection.on && (
        <BulkBar
          key={selection.turn}
          client={client}
          chosen={selection.chosen}
          more={selection.more}
          via={surroundings.via}
          onAll={selection.all}
          onDone={selection.stop}
        />
      )}
    </>
  );
}

function SelectButton({ on, toggle }: { readonly on: boolean; readonly toggle: () => void }) {
  return (
    <button
      type="button"
      class="chitl-button chitl-quiet"
      data-testid="hitl-selecting"
      aria-pressed={on}
      onClick={toggle}
    >
      Select
    </button>
  );
}

/** Which requests are chosen. The first one decides which others can be. */
function useSelection(found: readonly Request[]) {
  const [ids, setIds] = useState<ReadonlySet<string> | null>(null);
  const [turn, setTurn] = useState(0);
  const chosen = found.filter(
    (request) => isPending(request) && ids?.has(request.required.request_id),
  );
  const first = chosen[0]?.required;
  const same = first === undefined ? [] : alike(found, first);
  const idsOf = (requests: readonly Request[]) =>
    new Set(requests.map(({ required }) => required.request_id));
  const of = (request: Request): Selecting | null => {
    const { request_id: id } = request.required;
    if (ids === null || !isPending(request)) return null;
    const toggle = () => {
      const next = new Set(ids);
      if (!next.delete(id)) next.add(id);
      setIds(next);
    };
    return { chosen: ids.has(id), blocked: blocked(request, first), toggle };
  };
  return {
    on: ids !== null,
    turn,
    chosen,
    more: same.filter(({ required }) => !ids?.has(required.request_id)).length,
    of,
    all: () => setIds(idsOf(same)),
    start: () => setIds(new Set()),
    stop: () => {
      setIds(null);
      setTurn(turn + 1);
    },
  };
}

function blocked({ required }: Request, first: Request["required"] | undefined): string | null {
  if (!isSimple(required)) return "This one wants a written answer";
  if (first !== undefined && likeness(required) !== likeness(first)) {
    return "This one takes other answers than those that are selected";
  }
  return null;
}
