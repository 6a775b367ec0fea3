/** The side panel: the full inbox, with the number of waiting requests on its tab. */
import { Widget } from "@lumino/widgets";
import type { InboxHost } from "../view/inbox/host";
import { mountFullInbox } from "../view/inbox/mount-full";

export const PANEL_ID = "crewai-hitl-panel";

/** A card that is drawn later does not take the focus: its person has gone on. */
const DRAWN_MS = 2000;

const TITLE = "Crews waiting for you";

export class Panel extends Widget {
  private readonly unmount: () => void;
  private drawing: MutationObserver | null = null;

  constructor(surroundings: InboxHost) {
    super();
    this.id = PANEL_ID;
    this.addClass("chitl-panel");
    this.title.caption = TITLE;
    this.title.iconClass = "chitl-icon";
    this.title.className = "chitl-panel-tab";
    this.unmount = mountFullInbox(this.node, surroundings);
  }

  /** Show on the tab how many requests wait. */
  showCount(count: number): void {
    this.title.label = count === 0 ? "" : String(count);
    this.title.caption = count === 0 ? TITLE : `${TITLE} (${count})`;
  }

  /** Focus the next pending card, or the first one, which may only be about to be drawn. */
  focusNext(asked = performance.now()): void {
    this.drawing?.disconnect();
    const cards = [
      ...this.node.querySelectorAll<HTMLElement>("[data-testid=hitl-card][data-status=pending]"),
    ];
    const at = cards.findIndex((card) => card.contains(document.activeElement));
    if (cards.length === 0) {
      this.drawing = new MutationObserver(() => {
        if (performance.now() - asked < DRAWN_MS) this.focusNext(asked);
        else this.drawing?.disconnect();
      });
      this.drawing.observe(this.node, { childList: true, subtree: true });
    }
    const next = cards[(at + 1) % cards.length];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.drawing?.disconnect();
    this.unmount();
    super.dispose();
  }
}
