/**
 * Who else is on a question: "Ada is writing …" while she types on a page, or that somebody said so
 * by a program.
 */
import { WRITING_MS } from "../../client/claims";
import type { Client } from "../../client/client";
import type { Request } from "../../protocol/state";
import { oneLine } from "../text/unseen";
import { useClient, useClock } from "../use-client";

interface Props {
  readonly client: Client | null;
  readonly request: Request | null;
}

/** How often it is looked whether somebody has stopped. */
const LOOK_MS = 5000;

export function Claim({ client, request }: Props) {
  const words = useClaim(client, request);
  return words === "" ? null : (
    <p class="chitl-note" data-testid="hitl-claim">
      <bdi>{words}</bdi>
    </p>
  );
}

export function useClaim(client: Client | null, request: Request | null): string {
  const claim = request?.claim ?? null;
  const own = useClient(client, (known) => claim !== null && known.isOwnClaim(claim));
  const now = useClock(claim === null || own ? undefined : LOOK_MS);
  return request === null ? "" : claimWords(client, request, now);
}

/** Return who else is on a pending question at a time, as a sentence, or "". */
export function claimWords(client: Client | null, request: Request, now: Date): string {
  const { claimedBy, claim, status } = request;
  if (claimedBy === null || status !== "pending") return "";
  const name = oneLine(claimedBy.name);
  if (!PAGES.has(claimedBy.via)) return `${name} is looking at this.`;
  if (claim === null || client?.isOwnClaim(claim) !== false) return "";
  const over = now.getTime() - Date.parse(claim.timestamp) > WRITING_MS;
  return over ? "" : `${name} is writing…`;
}

/** The surfaces that claim by typing (`client/claims.ts`), and for as long as somebody types. */
const PAGES: ReadonlySet<string> = new Set(["card", "inbox", "lab", "page", "panel", "widget"]);
