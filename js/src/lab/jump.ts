/**
 * Goes from a question to the cell that asks it.
 *
 * The notebook's path is that of the kernel's session while there is one; afterwards the path that
 * the kernel reported, below the server's root. The cell is the one whose output holds the card.
 */
import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import type { Cell, INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import { contentsPath } from "../inbox/place";
import { isObject } from "../protocol/decode";
import type { HumanInputRequired } from "../protocol/gen";
import { MIME_TYPE } from "./mime";

export class Jump {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly tracker: INotebookTracker | null,
    private readonly root: string,
  ) {}

  /** Return the path of the question's notebook, or null when it is unknown. */
  pathOf({ source }: HumanInputRequired): string | null {
    for (const { path, kernel } of this.app.serviceManager.sessions.running()) {
      if (kernel !== null && kernel.id === source.kernel_id) return path;
    }
    return source.notebook === null ? null : contentsPath(source.notebook, this.root);
  }

  /** Open the notebook and scroll to the asking cell. */
  async to(required: HumanInputRequired): Promise<void> {
    const path = this.pathOf(required);
    if (path === null) return;
    const shown = await this.open(path);
    if (!shown) {
      Notification.warning(`The notebook ${path} could not be opened.`);
      return;
    }
    const panel = this.tracker?.find(({ context }) => context.path === path);
    if (panel !== undefined) await reveal(panel, required.request_id);
  }

  private async open(path: string): Promise<boolean> {
    try {
      await this.app.commands.execute("docmanager:open", { path });
      return true;
    } catch {
      return false; // moved or removed: JupyterLab shows that itself
    }
  }
}

async function reveal({ context, content, revealed }: NotebookPanel, id: string): Promise<void> {
  await context.ready;
  await revealed;
  const index = content.widgets.findIndex((cell) => shows(cell, id));
  if (index === -1) return;
  content.activeCellIndex = index;
  await content.scrollToItem(index, "smart");
  const card = content.widgets[index]?.node.querySelector<HTMLElement>(
    `[data-request-id="${CSS.escape(id)}"]`,
  );
  card?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: "nearest" });
}

function shows({ model }: Cell, requestId: string): boolean {
  for (let index = 0; index < (model.outputs?.length ?? 0); index++) {
    const bundle = model.outputs?.get(index).data[MIME_TYPE];
    if (isObject(bundle) && bundle.request_id === requestId) return true;
  }
  return false;
}
