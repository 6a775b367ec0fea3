/** Finds the cell of an open notebook that asks a question, and goes there. */
import { type Cell, NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import { isObject } from "../protocol/decode";
import type { HumanInputRequired } from "../protocol/gen";
import { MIME_TYPE } from "./mime";

/**
 * Return the asking cell's index, or -1.
 *
 * Several cells may have the card, because a copy of a cell has its outputs. The question names the
 * cell that asks; a card counts where that cell is unknown or gone.
 */
export function cellOf({ content }: NotebookPanel, required: HumanInputRequired): number {
  const cells = content.widgets;
  const { cell_id } = required.source;
  const index = cell_id === null ? -1 : cells.findIndex(({ model }) => model.id === cell_id);
  const asking = cells[index];
  if (asking !== undefined && shows(asking, required)) return index;
  const shown = cells.findIndex((cell) => shows(cell, required));
  return shown === -1 ? index : shown;
}

/** Whether a cell has the question's card among its outputs, or the view of its run. */
export function shows(cell: Cell, { request_id, execution_id }: HumanInputRequired): boolean {
  const { outputs } = cell.model;
  for (let index = 0; index < (outputs?.length ?? 0); index++) {
    const bundle = outputs?.get(index).data[MIME_TYPE];
    if (!isObject(bundle)) continue;
    if (bundle.request_id === request_id) return true;
    if (bundle.mode === "run" && bundle.execution_id === execution_id) return true;
  }
  return false;
}

/** Return a cell's card of a question where it is drawn now; that of a cell far away is not. */
export function cardIn({ node }: Cell, requestId: string): HTMLElement | null {
  return node.querySelector<HTMLElement>(
    `[data-testid=hitl-card][data-request-id="${CSS.escape(requestId)}"]`,
  );
}

/** Scroll to the asking cell, unfold what hides its card, and focus the card. */
export async function reveal(panel: NotebookPanel, required: HumanInputRequired): Promise<void> {
  await panel.context.ready;
  await panel.revealed;
  const index = cellOf(panel, required);
  const cell = panel.content.widgets[index];
  if (cell === undefined) return;
  NotebookActions.expandParent(cell, panel.content);
  if (cell.outputHidden) cell.outputHidden = false;
  panel.content.activeCellIndex = index;
  await panel.content.scrollToItem(index, "smart");
  const card = cardIn(cell, required.request_id);
  card?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: "nearest" });
}
