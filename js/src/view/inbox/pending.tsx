/** The pending requests, with search, filters, order and selection. */
import { useRef, useState } from "preact/hooks";
import { crewsOf, facets, isFiltered, matches, NO_FILTERS } from "../../inbox/filters";
import { keepOrder, readOrder } from "../../inbox/kept-order";
import { type Order, ordered } from "../../inbox/order";
import type { Request } from "../../protocol/state";
import { cardsIn, isPending, useShown } from "../card/request-cards";
import { onlyIfChanged } from "../unchanged";
import type { ListProps } from "./host";
import { Nothing } from "./inbox";
import { Item } from "./item";
import { onDemand } from "./on-demand";
import { OrderLine } from "./order-line";
import { SelectButton, useSelection } from "./selection";
import { Split } from "./split";
import { Toolbar } from "./toolbar";
import { useInfiniteScroll } from "./use-infinite-scroll";
import { useServerSearch } from "./use-server-search";

const TestQuestion = onDemand((parts) => parts.TestQuestion, null);
const NothingFound = onDemand((parts) => parts.NothingFound, null);
const BulkBar = onDemand((parts) => parts.BulkBar);

export function PendingList(props: ListProps & { readonly wide: boolean }) {
  const { client, host, filters, onFilters, wide } = props;
  const openId = useRef<string | null>(null);
  const shown = useShown(client.all(), openId.current);
  const [order, setOrder] = useOrder();
  const [isFound, note] = useFilter(props, shown);
  const found = ordered(shown.filter(isFound), order);
  const selection = useSelection(found);
  const above = () => (
    <>
      <PendingToolbar
        {...props}
        shown={shown}
        found={found}
        selection={selection}
        order={order}
        onOrder={setOrder}
      />
      {note !== "" && (
        <p class="chitl-note" role="status">
          {note}
        </p>
      )}
      {shown.length === 0 && <Nothing client={client} />}
      <TestQuestion client={client} endpoint={host.endpoint} empty={shown.length === 0} />
      {shown.length > 0 && found.length === 0 && isFiltered(filters) && (
        <NothingFound onClear={() => onFilters(NO_FILTERS)} />
      )}
    </>
  );
  const below = () =>
    selection.on && (
      <BulkBar
        key={selection.turn}
        client={client}
        chosen={selection.chosen}
        more={selection.more}
        via={host.via}
        onAll={selection.all}
        onDone={selection.stop}
      />
    );
  const list = { client, host, found, openId, selecting: selection.of, above, below };
  return wide ? <Split {...list} /> : <Cards {...list} />;
}

/** Return what passes the search and the filters, and a note about the search, or "". */
function useFilter({ host, filters }: ListProps, shown: readonly Request[]) {
  const searched = useServerSearch(host.endpoint, filters.text, shown);
  const crews = crewsOf(shown);
  const others = { ...filters, text: "" };
  const isFound = (request: Request) =>
    matches(request, filters, crews) ||
    (searched.ids.has(request.required.request_id) && matches(request, others, crews));
  return [isFound, searched.note] as const;
}

interface PendingToolbarProps extends ListProps {
  readonly shown: readonly Request[];
  readonly found: readonly Request[];
  readonly selection: ReturnType<typeof useSelection>;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
}

const PendingToolbar = onlyIfChanged(ToolbarAbove);

function ToolbarAbove(props: PendingToolbarProps) {
  const { client, filters, onFilters, search, shown, found, selection, order, onOrder } = props;
  const waiting = found.filter(isPending).length;
  const total = shown.filter(isPending).length;
  const below = shown.length > 1 && (
    <OrderLine found={waiting} total={total} order={order} onOrder={onOrder} />
  );
  return (
    <Toolbar
      client={client}
      filters={filters}
      facets={facets(shown, filters, crewsOf(shown))}
      onChange={onFilters}
      search={search}
      below={below}
    >
      {(waiting > 1 || selection.on) && <SelectButton selection={selection} />}
    </Toolbar>
  );
}

/** The cards one below the other, where there is no room for two columns. */
function Cards({ client, host, found, selecting, above, below }: Parameters<typeof Split>[0]) {
  const cards = cardsIn(client, host.via);
  const [drawn, end] = useInfiniteScroll(found.length);
  return (
    <>
      {above()}
      <div class="chitl-list">
        {found.slice(0, drawn).map((request) => (
          <Item
            key={request.required.request_id}
            required={request.required}
            host={host}
            selecting={selecting(request)}
          >
            {cards(request)}
          </Item>
        ))}
      </div>
      <div ref={end} />
      {below()}
    </>
  );
}

function useOrder(): readonly [Order, (order: Order) => void] {
  const [order, setOrder] = useState(readOrder);
  const change = (next: Order) => {
    setOrder(next);
    keepOrder(next);
  };
  return [order, change];
}
