/** Mounts the full inbox on a page; separate from `bundle/` to keep the card's script small. */
import { type Cleanup, mount } from "../mount";
import dialogCss from "./dialog.css";
import { FullInbox } from "./full-inbox";
import historyCss from "./history.css";
import type { InboxHost } from "./host";
import inboxCss from "./inbox.css";

export function mountFullInbox(element: HTMLElement, host: InboxHost): Cleanup {
  return mount(
    element,
    host.endpoint,
    (client) => client !== null && <FullInbox client={client} host={host} />,
    { Inbox: inboxCss + historyCss + dialogCss },
  );
}
