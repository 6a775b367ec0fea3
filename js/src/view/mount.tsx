/**
 * Putting a view on a page and taking it away: the seam between the entries and the views.
 *
 * What is mounted holds the shared client until it is taken down; nothing stays behind.
 */
import { type ComponentChild, render } from "preact";
import { decodeRequired, isObject } from "../decode";
import { type Endpoint, pageEndpoint } from "../endpoint";
import { hold } from "../shared";
import { Card } from "./card";
import cardCss from "./card.css";
import { Inbox } from "./inbox";
import markdownCss from "./markdown.css";

export type Cleanup = () => void;

/**
 * Show what a MIME bundle or a widget's trait holds.
 *
 * `{"request_id", "event"}` is a card; `{"mode": "inbox"}` is the list of all that is pending.
 */
export function mountPayload(
  host: HTMLElement,
  payload: unknown,
  via: string,
  endpoint: Endpoint | null = pageEndpoint(),
): Cleanup {
  if (isObject(payload) && payload.mode === "inbox") return mountInbox(host, via, endpoint);
  const snapshot = decodeRequired(isObject(payload) ? payload.event : null);
  if (snapshot === null) {
    return mount(host, null, () => <p class="chitl chitl-note">This card cannot be read.</p>);
  }
  return mount(host, endpoint, (client) => <Card client={client} snapshot={snapshot} via={via} />);
}

export function mountInbox(
  host: HTMLElement,
  via: string,
  endpoint: Endpoint | null = pageEndpoint(),
): Cleanup {
  const testId = via === "panel" ? "hitl-panel" : "hitl-inbox";
  return mount(host, endpoint, (client) => (
    <Inbox client={client} via={via} title="Waiting for you" testId={testId} />
  ));
}

function mount(
  host: HTMLElement,
  endpoint: Endpoint | null,
  draw: (client: ReturnType<typeof hold>["client"] | null) => ComponentChild,
): Cleanup {
  ensureStyles(host.ownerDocument);
  const held = endpoint === null ? null : hold(endpoint);
  render(draw(held?.client ?? null), host);
  return () => {
    render(null, host);
    held?.release();
  };
}

/** One style sheet per page, whichever bundle brought it; the inbox page links its own. */
function ensureStyles(page: Document): void {
  const mark = "crewaiHitlStyles";
  if (page.body.dataset.prefix !== undefined || page.head.dataset[mark] !== undefined) return;
  page.head.dataset[mark] = "";
  const style = page.createElement("style");
  style.textContent = cardCss + markdownCss;
  page.head.append(style);
}
