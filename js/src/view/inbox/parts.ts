/** What an inbox shows only when somebody asks for it; loaded beside the page (`on-demand.tsx`). */
export { BulkBar } from "./bulk-bar";
export { HistoryList } from "./history";
export { SettingsDialog } from "./settings-dialog";
export { ShortcutsDialog } from "./shortcuts-dialog";
export { SingleRequest } from "./single-request";
export { TestQuestion } from "./test-question";
