/**
 * Goes from a question to the cell that asks it.
 *
 * The notebook's path is that of the kernel's session while there is one; afterwards the path that
 * the kernel reported, below the server's root.
 */
import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import type { INotebookTracker } from "@jupyterlab/notebook";
import { contentsPath } from "../inbox/place";
import type { HumanInputRequired } from "../protocol/gen";
import { cellOf, reveal } from "./cells";

interface Kernel {
  readonly id: string;
}

export class Jump {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly tracker: INotebookTracker | null,
    private readonly root: string,
  ) {}

  /** Return the path of the question's notebook, or null when it is unknown. */
  pathOf(required: HumanInputRequired): string | null {
    const { source } = required;
    const isOf = (kernel: Kernel | null) => kernel !== null && kernel.id === source.kernel_id;
    // Several notebooks may share a kernel; the one with the asking cell counts, if it is open.
    const shown = this.tracker?.find(
      (panel) => isOf(panel.sessionContext.session?.kernel ?? null) && cellOf(panel, required) >= 0,
    );
    if (shown !== undefined) return shown.context.path;
    for (const { path, kernel } of this.app.serviceManager.sessions.running()) {
      if (isOf(kernel)) return path;
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
    if (panel !== undefined) await reveal(panel, required);
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
