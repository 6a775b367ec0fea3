/**
 * Adds the cards that a notebook does not have.
 *
 * After a reload JupyterLab shows no further output of a cell that still runs, and an output that
 * was not saved is gone. So the card is added to the outputs of the cell that asks.
 */
import type { Cell, NotebookPanel } from "@jupyterlab/notebook";
import type { Request } from "../protocol/state";
import { shows } from "./cells";
import { MIME_TYPE } from "./mime";

/** An output from the kernel comes at once, and through a shared document a little later. */
export const GRACE_MS = 2000;

export class MissingCards {
  private readonly missedSince = new Map<string, number>();
  private readonly added = new Map<string, { readonly cell: Cell; readonly index: number }>();

  constructor(
    private readonly panel: NotebookPanel,
    /** Look again after that time. */
    private readonly again: (ms: number) => void,
  ) {}

  /** Add what is missing for a while already, and what became of the cards added before. */
  look(asked: readonly Request[]): void {
    for (const request of asked) {
      const { required, status, completion } = request;
      const id = required.request_id;
      if (completion !== null) this.record(id, request);
      const cell = status === "pending" ? this.missesIn(request) : undefined;
      if (cell === undefined) this.missedSince.delete(id);
      else if (this.waitFor(id)) this.add(cell, request);
    }
  }

  /** Return the cell that should have the question's card and will not get it from the kernel. */
  private missesIn({ required }: Request): Cell | undefined {
    const { cell_id } = required.source;
    const cell = this.panel.content.widgets.find(({ model }) => model.id === cell_id);
    if (cell?.model.outputs === undefined || shows(cell, required)) return undefined;
    const future = cell.outputArea?.future; // of a cell that this page runs
    return future == null || future.isDisposed ? cell : undefined;
  }

  private waitFor(id: string): boolean {
    const since = this.missedSince.get(id) ?? performance.now();
    this.missedSince.set(id, since);
    const left = since + GRACE_MS - performance.now();
    if (left > 0) this.again(left);
    return left <= 0;
  }

  private add(cell: Cell, request: Request): void {
    const { outputs } = cell.model;
    if (outputs === undefined) return;
    outputs.add(output(request));
    this.added.set(request.required.request_id, { cell, index: outputs.length - 1 });
  }

  /** Add the outcome to the output, so that the saved notebook contains it. */
  private record(id: string, request: Request): void {
    const added = this.added.get(id);
    if (added === undefined) return;
    this.added.delete(id);
    const { cell, index } = added;
    if (!cell.isDisposed && shows(cell, request.required)) {
      cell.model.outputs?.set(index, output(request));
    }
  }
}

function output({ required, completion }: Request) {
  const payload = { request_id: required.request_id, event: required };
  return {
    output_type: "display_data",
    metadata: {},
    data: {
      [MIME_TYPE]: completion === null ? payload : { ...payload, completion },
      "text/plain": `${required.prompt}\n\n${required.context}`,
    },
  };
}
