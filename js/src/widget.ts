/**
 * Entry of the anywidget: the card where no lab extension draws it.
 *
 * Traits: `request` (the MIME bundle's JSON), `mode` ("card" or "inbox") and `via` (the surface
 * that answers are said to come from). They are read, never written: the kernel is blocked.
 */
import { mountPayload } from "./view/mount";

/** The part of anywidget's model that is used here. */
interface Model {
  get(trait: string): unknown;
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  let unmount = draw(model, el);
  const redraw = () => {
    unmount();
    unmount = draw(model, el);
  };
  model.on("change:request", redraw);
  return () => {
    model.off("change:request", redraw);
    unmount();
  };
}

function draw(model: Model, el: HTMLElement): () => void {
  const payload = model.get("mode") === "inbox" ? { mode: "inbox" } : model.get("request");
  const via = model.get("via");
  return mountPayload(el, payload, typeof via === "string" && via !== "" ? via : "card");
}

export default { render };
