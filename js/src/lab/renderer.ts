/**
 * The card as a cell's output, drawn without a kernel.
 *
 * A MIME renderer for the card's own type. It has priority over the widget view in the same bundle,
 * because a widget is lost when the page is reloaded while the cell blocks.
 */
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { Widget } from "@lumino/widgets";
import { pageEndpoint } from "../client/endpoint";
import { isObject } from "../protocol/decode";
import { mountBundle } from "../view/bundle/mount-bundle";
import { MIME_TYPE } from "./mime";

export { MIME_TYPE };

/** Before the widget view, which ipywidgets registers at -10. */
const RANK = -100;

class CardOutput extends Widget implements IRenderMime.IRenderer {
  private unmount: () => void = () => undefined;
  private shown: unknown;

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const payload = model.data[MIME_TYPE];
    // The kernel adds how it ended for the saved notebook; this card knows that already.
    const id = isObject(payload) ? payload.request_id : undefined;
    if (id !== undefined && id === this.shown) return;
    this.shown = id;
    this.unmount();
    this.unmount = mountBundle(this.node, payload, "lab", pageEndpoint());
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.unmount();
    super.dispose();
  }
}

const extension: IRenderMime.IExtension = {
  id: "crewai-hitl-nb:renderer",
  description: "Draws the card of a crew that waits for a human.",
  dataType: "json",
  rank: RANK,
  rendererFactory: {
    // Safe for untrusted notebooks: the text is sanitised, and only the server says what is open.
    safe: true,
    mimeTypes: [MIME_TYPE],
    createRenderer: () => new CardOutput(),
  },
};

export default extension;
