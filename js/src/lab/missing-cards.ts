/**
 * Completes the cards in a notebook's outputs: adds those that are missing, and to all of them the
 * texts and the outcome that this page knows.
 *
 * After a reload JupyterLab shows no further output of a cell that still runs, and an output that
 * was not saved is gone. When a cell runs again while it waits, the kernel's output of the first
 * run is lost as well. And somebody may clear a cell's output: the card then comes back, because
 * the crew still waits for an answer, and a cell that is busy without saying why seems to hang.
 */
import type { Cell, NotebookPanel } from "@jupyterlab/notebook";
import type { Client } from "../client/client";
import { type Asked, type ClosingEvent, isObject } from "../protocol/decode";
import type { Request } from "../protocol/state";
import { isPending } from "../view/card/request-cards";
import { Alarm } from "./alarm";
import { shows } from "./cells";
import { MIME_TYPE, WIDGET_VIEW } from "./mime";
import { savedOutput } from "./saved-output";

/** How long a card may be missing: through a shared document it arrives a little late. */
const GRACE_MS = 2000;

/** The same while the kernel may still send the card; a busy page receives it late. */
const KERNEL_MS = 10_000;

type Outputs = NonNullable<Cell["model"]["outputs"]>;
type Bundle = Readonly<Record<string, unknown>>;

export class MissingCards {
  private readonly missedSince = new Map<string, number>();
  /** Questions whose card this page has seen in the cell: the kernel does not send it again. */
  private readonly seen = new Set<string>();
  /** Questions whose texts are being fetched, and how to stop that. */
  private readonly fetching = new Map<string, () => void>();
  private readonly alarm = new Alarm(() => this.look());

  constructor(
    private readonly panel: NotebookPanel,
    private readonly client: Client,
    /** Returns the requests of the notebook's kernel. */
    private readonly asked: () => readonly Request[],
  ) {}

  look(): void {
    for (const { required } of this.asked().filter(isPending)) this.addIfMissing(required);
    for (const { model } of this.panel.content.widgets) {
      this.removeDoubles(model.outputs);
      for (let index = 0; index < (model.outputs?.length ?? 0); index++) {
        const data = model.outputs?.get(index).data ?? {};
        const completed = this.completed(data);
        if (completed !== data) model.outputs?.set(index, output(completed));
      }
    }
  }

  dispose(): void {
    this.alarm.stop();
    for (const stop of this.fetching.values()) stop();
  }

  /** Keep a cell's first card of a question: the kernel's own may come after it was added here. */
  private removeDoubles(outputs: Outputs | undefined): void {
    const seen = new Set<unknown>();
    for (let index = 0; index < (outputs?.length ?? 0); index++) {
      const payload = outputs?.get(index).data[MIME_TYPE];
      if (!isObject(payload) || typeof payload.request_id !== "string") continue;
      if (seen.has(payload.request_id) && outputs?.remove !== undefined) outputs.remove(index--);
      seen.add(payload.request_id);
    }
  }

  private addIfMissing(required: Asked): void {
    const id = required.request_id;
    const { cell_id } = required.source;
    const cell = this.panel.content.widgets.find(({ model }) => model.id === cell_id);
    if (cell?.model.outputs === undefined || shows(cell, required)) {
      this.missedSince.delete(id);
      if (cell?.model.outputs !== undefined) this.seen.add(id);
      return;
    }
    const since = this.missedSince.get(id) ?? performance.now();
    this.missedSince.set(id, since);
    const grace = this.seen.has(id) || isLeft(cell) ? GRACE_MS : KERNEL_MS;
    const left = since + grace - performance.now();
    if (left > 0) this.alarm.ringWithin(left);
    else cell.model.outputs.add(output(bundleOf(required, {}, null)));
  }

  /** Return a card's bundle with the texts and the outcome that it lacks and this page knows. */
  private completed(data: Bundle): Bundle {
    const payload = data[MIME_TYPE];
    if (!isObject(payload) || typeof payload.request_id !== "string") return data;
    const known = this.client.request(payload.request_id);
    if (known === undefined) return data;
    const { required, completion } = known;
    const lacksTexts = isObject(payload.event) && payload.event.brief === true;
    if (lacksTexts) this.fetchTexts(required);
    const hasTexts = lacksTexts && !required.brief;
    if (completion === null) return hasTexts ? bundleOf(required, payload, null) : data;
    if (payload.completion !== undefined && !hasTexts && data[WIDGET_VIEW] === undefined)
      return data;
    return bundleOf(required, { ...payload, completion }, completion);
  }

  /** Fetch the texts of a large question, so that they are saved even if nobody reads them here. */
  private fetchTexts({ request_id: id, brief }: Asked): void {
    if (brief && !this.fetching.has(id)) this.fetching.set(id, this.client.showTexts(id));
    if (brief) return;
    this.fetching.get(id)?.();
    this.fetching.delete(id);
  }
}

/** Whether the kernel's outputs do not arrive: this page did not run the cell. */
function isLeft({ outputArea }: Cell): boolean {
  const future = outputArea?.future;
  return future == null || future.isDisposed;
}

/**
 * Return a card's bundle without the widget's view: a front end that has widgets but not our extension
 * prefers that view, and cannot draw it once the kernel is gone.
 */
function bundleOf(required: Asked, payload: object, closing: ClosingEvent | null): Bundle {
  return {
    [MIME_TYPE]: { ...payload, request_id: required.request_id, event: required },
    ...savedOutput(required, closing),
  };
}

function output(data: Bundle) {
  return { output_type: "display_data", metadata: {}, data };
}
