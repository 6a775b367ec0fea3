/** Putting the inbox in full on a page: apart from `bundle/`, so that a card stays small. */

import { type Cleanup, mount } from "../mount";
import { FullInbox } from "./full-inbox";
import historyCss from "./history.css";
import type { Surroundings } from "./host";
import inboxCss from "./inbox.css";
import sheetCss from "./sheet.css";

export function mountFullInbox(host: HTMLElement, surroundings: Surroundings): Cleanup {
  return mount(
    host,
    surroundings.endpoint,
    (client) => client !== null && <FullInbox client={client} surroundings={surroundings} />,
    { Inbox: inboxCss + historyCss + sheetCss },
  );
}
