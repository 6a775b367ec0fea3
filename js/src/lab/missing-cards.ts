/**
 * Adds the cards that a notebook does not have.
 *
 * After a reload JupyterLab shows no further output of a cell that still runs, and an output that
 * was not saved is gone. So the card is added to the outputs of the cell that asks.
 */
import type { Cell, NotebookPanel } from "@jupyterlab/notebook";
import type { Client } from "../client/client";
import { isObject } from "../protocol/decode";
import type { Request } from "../protocol/state";
import { shows } from "./cells";
import { MIME_TYPE } from "./mime";

/** An output from the kernel comes at once, and through a shared document a little later. */
export const GRACE_MS = 2000;

export class MissingCards {
  private readonly missedSince = new Map<string, number>();

  constructor(
    private readonly panel: NotebookPanel,
    private readonly client: Client,
    /** Look again after that time. */
    private readonly again: (ms: number) => void,
  ) {}

  /** Add the cards that are missing for a while already, and the outcomes that cards lack. */
  look(asked: readonly Request[]): void {
    this.recordOutcomes();
    for (const request of asked) {
      const { required, status } = request;
      const id = required.request_id;
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
    return isLeft(cell) ? cell : undefined;
  }

  private waitFor(id: string): boolean {
    const since = this.missedSince.get(id) ?? performance.now();
    this.missedSince.set(id, since);
    const left = since + GRACE_MS - performance.now();
    if (left > 0) this.again(left);
    return left <= 0;
  }

  private add(cell: Cell, { required }: Request): void {
    const data = {
      [MIME_TYPE]: { request_id: required.request_id, event: required },
      "text/plain": `${required.prompt}\n\n${required.context}`,
    };
    cell.model.outputs?.add(output(data));
  }

  /** Add to the cards how their questions ended, because the notebook is saved with them. */
  private recordOutcomes(): void {
    for (const { model } of this.panel.content.widgets) {
      for (let index = 0; index < (model.outputs?.length ?? 0); index++) {
        const data = model.outputs?.get(index).data ?? {};
        const payload = data[MIME_TYPE];
        if (!isObject(payload) || payload.completion !== undefined) continue;
        const completion = this.client.request(String(payload.request_id))?.completion;
        if (completion == null) continue;
        model.outputs?.set(index, output({ ...data, [MIME_TYPE]: { ...payload, completion } }));
      }
    }
  }
}

/** Whether the kernel's outputs do not arrive: this page does not run the cell. */
function isLeft({ outputArea }: Cell): boolean {
  const future = outputArea?.future;
  return future == null || future.isDisposed;
}

function output(data: Readonly<Record<string, unknown>>) {
  return { output_type: "display_data", metadata: {}, data };
}
