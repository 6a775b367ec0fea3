/** One request by its URL, open or closed: the target of links in messages. */
import { useEffect, useState } from "preact/hooks";
import type { Client } from "../../client/client";
import { get } from "../../client/http";
import { requestFromListing } from "../../protocol/state";
import { useClient } from "../use-client";
import { FullRequest } from "./full-request";
import type { InboxHost } from "./host";

interface Props {
  readonly client: Client;
  readonly host: InboxHost;
  readonly id: string;
  readonly onBack: () => void;
}

type Search = "looking" | "unknown" | "away" | "forbidden";

export function SingleRequest({ client, host, id, onBack }: Props) {
  const request = useClient(client, (known) => known.request(id)) ?? null;
  const search = useSearch(client, host, id);
  return (
    <div data-testid="hitl-single">
      <p>
        <button type="button" class="chitl-button chitl-quiet" onClick={onBack}>
          ← Pending requests
        </button>
      </p>
      {request === null ? (
        <p class="chitl-nothing" role="status">
          {WORDS[search]}
        </p>
      ) : (
        <FullRequest client={client} request={request} host={host} />
      )}
    </div>
  );
}

const WORDS: Readonly<Record<Search, string>> = {
  looking: "Loading…",
  unknown: "Request not found. It may have been removed from the log.",
  away: "The server cannot be reached. The request appears when the connection is back.",
  forbidden:
    "You do not have permission to see this request. Check which account you are logged in with.",
};

/** Fetch a request that the stream did not bring, and again when the connection changes. */
function useSearch(client: Client, { endpoint }: InboxHost, id: string): Search {
  const [search, setSearch] = useState<Search>("looking");
  const phase = useClient(client, (known) => known.connection.phase);
  useEffect(() => {
    if (client.request(id) !== undefined) return;
    let wanted = true;
    get(endpoint, `requests/${encodeURIComponent(id)}`).then((reply) => {
      if (!wanted) return;
      const found = reply.kind === "ok" ? requestFromListing(reply.body) : null;
      if (found !== null) client.learned(found);
      else if (reply.kind === "unreachable") setSearch("away");
      else if (reply.kind === "refused" && [401, 403].includes(reply.refusal.status))
        setSearch("forbidden");
      else setSearch("unknown");
    });
    return () => {
      wanted = false;
    };
  }, [client, endpoint, id, phase]);
  return search;
}
