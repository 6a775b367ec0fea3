/** The panel's commands, for the palette and for keyboard shortcuts. */
import type { JupyterFrontEnd } from "@jupyterlab/application";
import type { ICommandPalette } from "@jupyterlab/apputils";
import type { Endpoint } from "../client/endpoint";
import type { Panel } from "./panel";

const CATEGORY = "crewAI";

interface Parts {
  readonly endpoint: Endpoint;
  readonly panel: Panel;
  readonly open: () => void;
}

export function addCommands(
  app: JupyterFrontEnd,
  palette: ICommandPalette | null,
  { endpoint, panel, open }: Parts,
): void {
  const commands = {
    "crewai-hitl:open-panel": { label: "Show Crews Waiting for You", execute: open },
    "crewai-hitl:open-inbox": {
      label: "Open the Inbox Page",
      execute: () => void window.open(endpoint.prefix, "_blank", "noopener"),
    },
    "crewai-hitl:next-pending": {
      label: "Go to the Next Pending Request",
      execute: () => {
        open();
        panel.focusNext();
      },
    },
  };
  for (const [command, options] of Object.entries(commands)) {
    app.commands.addCommand(command, options);
    palette?.addItem({ command, category: CATEGORY });
  }
}
