/** The pending requests, with filters, search and selection. */
import { facets, isFiltered, matches, NO_FILTERS } from "../../inbox/filters";
import type { Request } from "../../protocol/state";
import { isPending, useCards, useShown } from "../card/request-cards";
import { BulkBar } from "./bulk-bar";
import type { ListProps } from "./host";
import { Nothing } from "./inbox";
import { Item } from "./item";
import { SelectButton, useSelection } from "./selection";
import { NothingFound, Toolbar } from "./toolbar";
import { useInfiniteScroll } from "./use-infinite-scroll";
import { useServerSearch } from "./use-server-search";

export function PendingList({ client, host, filters, onFilters, search }: ListProps) {
  const shown = useShown(client.all());
  const searched = useServerSearch(host.endpoint, filters.text, shown);
  const isFound = (request: Request) =>
    matches(request, filters) ||
    (searched.ids.has(request.required.request_id) && matches(request, { ...filters, text: "" }));
  const found = shown.filter(isFound);
  const selection = useSelection(found);
  const cards = useCards(client, host.via);
  const [drawn, end] = useInfiniteScroll(found.length);
  const waiting = found.filter(isPending).length;
  return (
    <>
      <Toolbar
        filters={filters}
        facets={facets(shown, filters)}
        onChange={onFilters}
        search={search}
      >
        {(waiting > 1 || selection.on) && <SelectButton selection={selection} />}
      </Toolbar>
      {searched.note !== "" && (
        <p class="chitl-note" role="status">
          {searched.note}
        </p>
      )}
      {shown.length === 0 && <Nothing client={client} />}
      {shown.length > 0 && found.length === 0 && isFiltered(filters) && (
        <NothingFound onClear={() => onFilters(NO_FILTERS)} />
      )}
      <div class="chitl-list">
        {found.slice(0, drawn).map((request) => (
          <Item
            key={request.required.request_id}
            required={request.required}
            host={host}
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
          via={host.via}
          onAll={selection.all}
          onDone={selection.stop}
        />
      )}
    </>
  );
}
