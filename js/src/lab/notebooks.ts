/**
 * Looks after the questions of the open notebooks: each has its card and can be found.
 *
 * A question belongs to a notebook when the notebook's kernel asks it.
 */
import type { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import type { Client } from "../client/client";
import { isPending } from "../view/card/request-cards";
import { Alarm } from "./alarm";
import { MissingCards } from "./missing-cards";
import { Pill } from "./pill";

/** What happens within this time is looked at together. */
const SETTLE_MS = 150;

/** Look after every notebook that is open or will be. */
export function watchNotebooks(tracker: INotebookTracker, client: Client): void {
  const watch = (panel: NotebookPanel) =>
    void panel.context.ready.then(() => follow(panel, client));
  tracker.forEach(watch);
  tracker.widgetAdded.connect((_, panel) => watch(panel));
}

function follow(panel: NotebookPanel, client: Client): void {
  if (panel.isDisposed) return;
  const asked = () => {
    const kernel = panel.sessionContext.session?.kernel?.id;
    return client
      .all()
      .filter(({ required }) => kernel !== undefined && required.source.kernel_id === kernel);
  };
  const cards = new MissingCards(panel, client, asked);
  const pill = new Pill(panel);
  const lookForPill = () => {
    if (panel.isDisposed) return;
    pill.look(
      asked()
        .filter(isPending)
        .map(({ required }) => required),
    );
  };
  const look = () => {
    if (panel.isDisposed) return;
    cards.look();
    // With a frame: between two, while a theme is changed, nothing may have a place.
    requestAnimationFrame(lookForPill);
    for (const { node } of [panel.content, ...panel.content.widgets]) sizes.observe(node);
  };
  const alarm = new Alarm(look);
  const soon = () => alarm.ringWithin(SETTLE_MS);
  const sizes = new ResizeObserver(soon);
  const unsubscribe = client.subscribe(() => {
    cards.look(); // at once: the notebook may be saved next
    soon();
  });
  panel.sessionContext.kernelChanged.connect(look); // its questions may be known already
  panel.content.model?.contentChanged.connect(soon);
  panel.node.addEventListener("scroll", soon, { capture: true, passive: true });
  panel.disposed.connect(() => {
    alarm.stop();
    cards.dispose();
    unsubscribe();
    sizes.disconnect();
  });
  look();
}
