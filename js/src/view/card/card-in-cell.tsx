/**
 * The card under a cell, followed by the run's next questions that have no card of their own.
 *
 * After a page reload JupyterLab shows no further output of a cell that is still running, so the
 * next question would have no card. It is shown below the last card of its run instead, until its
 * own card appears.
 */
import type { VNode } from "preact";
import { useLayoutEffect, useReducer } from "preact/hooks";
import type { Client } from "../../client/client";
import type { HumanInputRequired } from "../../protocol/gen";
import type { Request } from "../../protocol/state";
import { useClock } from "../use-client";
import type { DrawCard } from "./card";
import { Card } from "./card";
import type { CellCards } from "./cell-cards";
import { isPending, useCards, useRequests, useShown } from "./request-cards";

/** A kernel's own card comes at once; a question without one after this time has none. */
export const GRACE_MS = 2000;

const HOUR_MS = 3_600_000;

interface Props {
  readonly client: Client | null;
  readonly snapshot: HumanInputRequired;
  readonly via: string;
  readonly saved: Request | null;
  readonly cells: CellCards;
}

/** Return a component that draws a card which knows the other cards in cells. */
export function cardInCell(cells: CellCards): DrawCard {
  return (props) => <CardInCell {...props} cells={cells} />;
}

function CardInCell({ client, snapshot, via, saved, cells }: Props) {
  useCellCards(cells, snapshot);
  return (
    <>
      <Card client={client} snapshot={snapshot} via={via} saved={saved} />
      {client !== null && <Next client={client} snapshot={snapshot} via={via} cells={cells} />}
    </>
  );
}

function Next({
  client,
  snapshot,
  via,
  cells,
}: Omit<Props, "saved"> & { readonly client: Client }): VNode | null {
  const isNext = ({ required }: Request) =>
    Date.parse(required.timestamp) > Date.parse(snapshot.timestamp) &&
    !cells.has(required.request_id);
  const asked = useRequests(client, snapshot.execution_id);
  const open = cells.isLast(snapshot) ? asked.filter(isNext) : [];
  const now = useClock(open.some(isPending) ? GRACE_MS / 4 : HOUR_MS).getTime();
  const due = open.filter(({ required }) => now - Date.parse(required.timestamp) >= GRACE_MS);
  const shown = useShown(due);
  const cards = useCards(client, via);
  return shown.length === 0 ? null : (
    <div class="chitl-list" data-testid="hitl-next">
      {shown.map(cards)}
    </div>
  );
}

/** Register a card as one in a cell, and redraw when others come or go. */
function useCellCards(cells: CellCards, required: HumanInputRequired): void {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useLayoutEffect(() => {
    const remove = cells.add(required);
    const unsubscribe = cells.subscribe(() => redraw(0));
    return () => {
      unsubscribe();
      remove();
    };
  }, [cells, required]);
}
