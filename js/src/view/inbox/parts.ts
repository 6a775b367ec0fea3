/** What an inbox shows only when somebody asks for it; loaded beside the page (`on-demand.tsx`). */
export { watchForNews } from "../../inbox/attention";
export { InboxAnnouncer } from "./announcer";
export { BulkBar } from "./bulk-bar";
export { HistoryList } from "./history";
export { NothingFound } from "./nothing-found";
export { RulesDialog } from "./rules-dialog";
export { SettingsDialog } from "./settings-dialog";
export { ShortcutsDialog } from "./shortcuts-dialog";
export { SingleRequest } from "./single-request";
export { TestQuestion } from "./test-question";
