/** What an inbox gets from its host: its own page, or JupyterLab. */
import type { RefObject } from "preact";
import type { Client } from "../../client/client";
import type { Endpoint } from "../../client/endpoint";
import type { Filters } from "../../inbox/filters";
import type { HumanInputRequired } from "../../protocol/gen";

/** A link or action that opens a question's notebook. */
export type NotebookLink =
  | { readonly kind: "link"; readonly label: string; readonly href: string }
  | { readonly kind: "action"; readonly label: string; readonly go: () => void };

export interface InboxHost {
  readonly endpoint: Endpoint;
  /** The surface that answers are sent from. */
  readonly via: string;
  readonly testId: "hitl-inbox" | "hitl-panel";
  /** Whether the inbox controls the page's URL and keyboard. */
  readonly ownsPage: boolean;
  /** Return the link to a question's notebook, or null when it is not known. */
  notebookLink(required: HumanInputRequired): NotebookLink | null;
  /** Open the host's settings; false if it has none and the inbox shows its own dialog. */
  openSettings(): boolean;
}

/** The props of every list of an inbox. */
export interface ListProps {
  readonly client: Client;
  readonly host: InboxHost;
  readonly filters: Filters;
  readonly onFilters: (filters: Filters) => void;
  readonly search: RefObject<HTMLInputElement | null>;
}
