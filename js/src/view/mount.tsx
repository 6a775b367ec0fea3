/**
 * Putting a view on a page and taking it away: the seam between the entries and the views.
 *
 * What is mounted holds the shared client until it is taken down; nothing stays behind.
 */
import { type ComponentChild, type ComponentType, h, render } from "preact";
import type { Client } from "../client/client";
import { type Endpoint, pageEndpoint } from "../client/endpoint";
import { hold } from "../client/shared";
import { decodeClosing, decodeRequired, decodeRunStarted, isObject } from "../protocol/decode";
import type { HumanInputRequired } from "../protocol/gen";
import { closedBy, type Request } from "../protocol/state";
import { Card } from "./card/card";
import cardCss from "./card/card.css";
import "./text/drawn-text";
import { Inbox } from "./inbox/inbox";
import { RunView } from "./run/run";
import runCss from "./run/run.css";
import markdownCss from "./text/markdown.css";
import { Clock } from "./use-client";

export type Cleanup = () => void;

/** Style sheets by name. */
export type Styles = Readonly<Record<string, string>>;

/** How a card is drawn: alone, or with what belongs to it on this page. */
export type DrawCard = ComponentType<{
  readonly client: Client | null;
  readonly snapshot: HumanInputRequired;
  readonly via: string;
  /** How it ended, as the notebook was saved with it. */
  readonly saved: Request | null;
}>;

/**
 * Show what a MIME bundle or a widget's trait holds.
 *
 * `{"request_id", "event"}` is a card, with a `completion` once it has ended; `{"mode": "inbox"}` is the list of all that is pending;
 * `{"mode": "run", "execution_id", "event"}` is a run.
 */
export function mountPayload(
  host: HTMLElement,
  payload: unknown,
  via: string,
  endpoint: Endpoint | null = pageEndpoint(),
  draw: DrawCard = Card,
): Cleanup {
  if (isObject(payload) && payload.mode === "inbox") return mountInbox(host, via, endpoint);
  if (isObject(payload) && payload.mode === "run") {
    return mountRun(host, payload.event, via, endpoint);
  }
  const snapshot = decodeRequired(isObject(payload) ? payload.event : null);
  if (snapshot === null) {
    return mount(host, null, () => <p class="chitl chitl-note">This card cannot be read.</p>);
  }
  const closing = isObject(payload) ? decodeClosing(payload.completion) : null;
  const saved = closing === null ? null : closedBy(snapshot, closing);
  const drawn = (client: Client | null) => h(draw, { client, snapshot, via, saved });
  return mount(host, endpoint, drawn);
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

function mountRun(host: HTMLElement, event: unknown, via: string, endpoint: Endpoint | null) {
  const snapshot = decodeRunStarted(event);
  if (snapshot === null) {
    return mount(host, null, () => <p class="chitl chitl-note">This run cannot be read.</p>);
  }
  const run = { executionId: snapshot.execution_id, snapshot, via };
  const draw = (client: Client | null) => <RunView client={client} {...run} />;
  return mount(host, endpoint, draw, { Run: runCss });
}

/** Draw into the host with the shared client; `styles` are those that not every page needs. */
export function mount(
  host: HTMLElement,
  endpoint: Endpoint | null,
  draw: (client: Client | null) => ComponentChild,
  styles: Styles = {},
): Cleanup {
  ensureStyles(host.ownerDocument, { Card: cardCss + markdownCss, ...styles });
  const held = endpoint === null ? null : hold(endpoint);
  const client = held?.client ?? null;
  render(<Clock.Provider value={client}>{draw(client)}</Clock.Provider>, host);
  return () => {
    render(null, host);
    held?.release();
  };
}

/** Each style sheet once per page, whichever bundle brought it; the inbox page links its own. */
function ensureStyles(page: Document, styles: Styles): void {
  if (page.body.dataset.prefix !== undefined) return;
  for (const [name, css] of Object.entries(styles)) {
    const mark = `crewaiHitl${name}`;
    if (page.head.dataset[mark] !== undefined) continue;
    page.head.dataset[mark] = "";
    const style = page.createElement("style");
    style.textContent = css;
    page.head.append(style);
  }
}
