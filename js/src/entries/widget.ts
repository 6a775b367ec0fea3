/**
 * Entry of the anywidget: the card where no lab extension draws it.
 *
 * Traits: `request` (the MIME bundle's JSON), `mode` ("card" or "inbox") and `via` (the surface that
 * answers are sent from). They are read, never written, because the kernel is blocked. The widget
 * tries the page's own server first. A page without one, or whose server does not have this
 * extension (VS Code, Colab, a notebook at another origin), goes through the kernel.
 */
import { Channel, type Messenger } from "../client/channel";
import { type Endpoint, pageEndpoint, urlOf } from "../client/endpoint";
import { kernelEndpoint } from "../client/kernel-endpoint";
import { mountBundle } from "../view/bundle/mount-bundle";
import { formatBy } from "../view/text/formatting";
import { isWorker, serveFormatting } from "../view/text/formatting-worker";

/** The part of anywidget's model that is used here. */
interface Model extends Messenger {
  get(trait: string): unknown;
  on(event: string, listener: (content: unknown) => void): void;
  off(event: string, listener: (content: unknown) => void): void;
}

/** How long the page's server may take to answer. */
const PROBE_MS = 3000;

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const own = pageEndpoint();
  const left = new AbortController();
  let endpoint = own ?? throughKernel(model, left.signal);
  let unmount = draw(model, el, endpoint);
  const redraw = () => {
    unmount();
    unmount = draw(model, el, endpoint);
  };
  model.on("change:request", redraw);
  if (own !== null) {
    void isOurs(own).then((ours) => {
      if (ours || left.signal.aborted) return;
      endpoint = throughKernel(model, left.signal);
      redraw();
    });
  }
  return () => {
    model.off("change:request", redraw);
    unmount();
    left.abort();
  };
}

function throughKernel(model: Model, left: AbortSignal): Endpoint {
  const channel = new Channel(model);
  left.addEventListener("abort", () => channel.close(), { once: true });
  return kernelEndpoint(channel);
}

/** Whether the page's server has this extension and is reachable; its health is public. */
async function isOurs(endpoint: Endpoint): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_MS);
    return (await fetch(urlOf(endpoint, "health"), { signal, cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

function draw(model: Model, el: HTMLElement, endpoint: Endpoint): () => void {
  const payload = model.get("mode") === "inbox" ? { mode: "inbox" } : model.get("request");
  const via = model.get("via");
  return mountBundle(el, payload, typeof via === "string" && via !== "" ? via : "card", endpoint);
}

// Without files from a server, the script that the kernel sent is its own worker.
if (isWorker()) serveFormatting();
else if (import.meta.url?.startsWith("blob:")) formatBy(import.meta.url);

export default { render };
