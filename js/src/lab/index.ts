/**
 * The lab extension's panel, its commands and its status item.
 *
 * It holds the page's client for as long as the page is open, so that a new card finds the
 * connection open. Every service of the host is optional: Jupyter Notebook has no status bar
 * and no layout restorer; the number is then on its top bar, and the panel in its side area.
 */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from "@jupyterlab/application";
import { ICommandPalette } from "@jupyterlab/apputils";
import { INotebookTracker } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { IStatusBar } from "@jupyterlab/statusbar";
import { type Endpoint, pageEndpoint, pageOption } from "../client/endpoint";
import { hold } from "../client/shared";
import { watchForNews } from "../inbox/attention";
import { pendingCount } from "../inbox/badge";
import type { HumanInputRequired } from "../protocol/gen";
import type { InboxHost, NotebookLink } from "../view/inbox/host";
import { addCommands } from "./commands";
import icon from "./icon.css";
import { Jump } from "./jump";
import { watchNotebooks } from "./notebooks";
import { PANEL_ID, Panel } from "./panel";
import { followSettings, PLUGIN_ID } from "./settings";
import { StatusItem } from "./status";
import { tabTitle } from "./tab-title";

const RANK = 900;

/** The command of JupyterLab's settings editor. */
const SETTINGS = "settingeditor:open";

async function activate(
  app: JupyterFrontEnd,
  restorer: ILayoutRestorer | null,
  palette: ICommandPalette | null,
  tracker: INotebookTracker | null,
  registry: ISettingRegistry | null,
  statusBar: IStatusBar | null,
): Promise<void> {
  const endpoint = pageEndpoint();
  if (endpoint === null) return;
  addStyle(icon);
  const jump = new Jump(app, tracker, pageOption("serverRoot"));
  const panel = new Panel(surroundings(app, endpoint, jump, registry !== null));
  const open = () => app.shell.activateById(PANEL_ID);
  const status = new StatusItem(open);
  const { client } = hold(endpoint);
  const showInTab = tabTitle(document);
  const count = () => {
    const pending = pendingCount(client.all());
    panel.showCount(pending);
    status.showCount(pending);
    showInTab(pending);
  };
  client.subscribe(count);
  count();
  watchForNews(client, open);
  addCommands(app, palette, { endpoint, panel, open });
  if (tracker !== null) watchNotebooks(tracker, client);
  if (statusBar === null) app.shell.add(status, "top", { rank: RANK });
  else {
    statusBar.registerStatusItem("crewai-hitl-nb:status", {
      item: status,
      align: "right",
      rank: RANK,
      priority: 1, // shown in a narrow window, too
      isActive: () => pendingCount(client.all()) > 0,
    });
  }
  restorer?.add(panel, PANEL_ID);
  await followSettings(registry, (side) => app.shell.add(panel, side, { rank: RANK }));
}

function surroundings(
  app: JupyterFrontEnd,
  endpoint: Endpoint,
  jump: Jump,
  hasSettings: boolean,
): InboxHost {
  const notebookLink = (required: HumanInputRequired): NotebookLink | null => {
    if (jump.pathOf(required) === null) return null;
    return { kind: "action", label: "Show the cell", go: () => void jump.to(required) };
  };
  const openSettings = () => {
    const known = hasSettings && app.commands.hasCommand(SETTINGS);
    if (known) void app.commands.execute(SETTINGS, { query: "Crews waiting for you" });
    return known;
  };
  return {
    endpoint,
    via: "panel",
    testId: "hitl-panel",
    ownsPage: false,
    notebookLink,
    openSettings,
  };
}

function addStyle(css: string): void {
  const style = document.createElement("style");
  style.textContent = css;
  document.head.append(style);
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: "Lists the crews that wait for a human.",
  autoStart: true,
  optional: [ILayoutRestorer, ICommandPalette, INotebookTracker, ISettingRegistry, IStatusBar],
  activate,
};

export default plugin;
