/**
 * The side panel of JupyterLab, and of Notebook 7 as far as its shell has sides.
 *
 * It holds the page's client for as long as the page lives, so a card that appears finds the
 * connection open.
 */
import { Widget } from "@lumino/widgets";
import { pageEndpoint } from "../endpoint";
import { hold } from "../shared";
import { mountInbox } from "../view/mount";
import icon from "./icon.css";

/** The part of JupyterLab's application that is used here; no token has to be shared for it. */
interface Application {
  readonly shell: {
    add(widget: Widget, area: string, options: { rank: number }): void;
  };
}

const TITLE = "Crews waiting for you";

class Panel extends Widget {
  private readonly unmount: () => void;

  constructor() {
    super();
    this.id = "crewai-hitl-panel";
    this.addClass("chitl-panel");
    this.title.caption = TITLE;
    this.title.iconClass = "chitl-icon";
    this.unmount = mountInbox(this.node, "panel");
  }

  /** Show on the tab how many requests wait. */
  showCount(count: number): void {
    this.title.label = count === 0 ? "" : String(count);
    this.title.caption = count === 0 ? TITLE : `${TITLE} (${count})`;
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.unmount();
    super.dispose();
  }
}

function activate(app: Application): void {
  const endpoint = pageEndpoint();
  if (endpoint === null) return;
  const style = document.createElement("style");
  style.textContent = icon;
  document.head.append(style);
  const panel = new Panel();
  const { client, release } = hold(endpoint);
  const count = () => {
    panel.showCount(client.all().filter(({ status }) => status === "pending").length);
  };
  const unsubscribe = client.subscribe(count);
  panel.disposed.connect(() => {
    unsubscribe();
    release();
  });
  app.shell.add(panel, "right", { rank: 900 });
}

export default {
  id: "crewai-hitl-nb:panel",
  description: "Lists the crews that wait for a human.",
  autoStart: true,
  activate,
};
