/**
 * Draws a view into an element with the page's shared client, and takes it away again.
 *
 * What is mounted holds the client until its cleanup runs; nothing stays behind.
 */
import { type ComponentChild, render } from "preact";
import type { Client } from "../client/client";
import type { Endpoint } from "../client/endpoint";
import { hold } from "../client/shared";
import cardCss from "./card/card.css";
import "./text/tame-text";
import markdownCss from "./text/markdown.css";
import { Clock } from "./use-client";

export type Cleanup = () => void;

/** Style sheets by name. */
export type Styles = Readonly<Record<string, string>>;

/** Draw into an element with the shared client; `styles` are sheets that not every view needs. */
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

/** Add each style sheet once per page, from whichever bundle; the inbox page links its own. */
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
