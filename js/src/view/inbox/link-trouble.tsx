/** What stands above a list when the connection is not what it should be, and what to do. */
import type { Client } from "../../client/client";
import { useClient } from "../use-client";

export function LinkTrouble({ client }: { readonly client: Client }) {
  const state = useClient(client, (known) => known.connection);
  if (state?.phase !== "offline") return null;
  if (state.forbidden) {
    return (
      <div class="chitl-trouble" data-testid="hitl-trouble" data-trouble="forbidden" role="alert">
        <p>
          <strong>No access.</strong> The server refused your login. It may have run out, or you may
          not be allowed to read what crews ask here.
        </p>
        <button type="button" class="chitl-button" onClick={() => location.reload()}>
          Log in again
        </button>
      </div>
    );
  }
  return (
    <div class="chitl-trouble" data-testid="hitl-trouble" data-trouble="away" role="alert">
      <p>
        <strong>The server cannot be reached.</strong> What you see may be old. Nothing is lost:
        this page tries again and again, and what you typed stays.
      </p>
      <button type="button" class="chitl-button" onClick={() => client.retryNow()}>
        Try now
      </button>
    </div>
  );
}
