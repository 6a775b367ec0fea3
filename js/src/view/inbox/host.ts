/** What the place that an inbox stands in offers it: a page of its own, or JupyterLab. */
import type { RefObject } from "preact";
import type { Client } from "../../client/client";
import type { Endpoint } from "../../client/endpoint";
import type { Filters } from "../../inbox/filters";
import type { HumanInputRequired } from "../../protocol/gen";

/** How to get from a question to its notebook. */
export type NotebookLink =
  | { readonly kind: "link"; readonly label: string; readonly href: string }
  | { readonly kind: "action"; readonly label: string; readonly go: () => void };

export interface InboxHost {
  readonly endpoint: Endpoint;
  /** The surface that answers are said to come from. */
  readonly via: string;
  readonly testId: "hitl-inbox" | "hitl-panel";
  /** Whether the address bar and the keyboard of the whole page are its own. */
  readonly ownsPage: boolean;
  /** The way to a question's notebook, or null when none is known. */
  notebookLink(required: HumanInputRequired): NotebookLink | null;
  /** Open the host's own settings; false where it has none, and the inbox shows its own sheet. */
  openSettings(): boolean;
}

/** What every list of an inbox is given. */
export interface ListProps {
  readonly client: Client;
  readonly host: InboxHost;
  readonly filters: Filters;
  readonly onFilters: (filters: Filters) => void;
  readonly search: RefObject<HTMLInputElement | null>;
}
