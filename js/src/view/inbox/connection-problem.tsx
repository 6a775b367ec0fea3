/** The message above a list when the connection is lost or refused, and what to do. */
import type { Client } from "../../client/client";
import { useClient } from "../use-client";

export function ConnectionProblem({ client }: { readonly client: Client }) {
  const state = useClient(client, (known) => known.connection);
  const unsent = useClient(client, (known) => known.unsentCount) ?? 0;
  if (state?.phase !== "offline") return null;
  if (state.forbidden) {
    return (
      <div class="chitl-trouble" data-testid="hitl-trouble" data-trouble="forbidden" role="alert">
        <p>
          <strong>No access.</strong> Your login has expired, or you do not have permission to see
          requests here.
        </p>
        <button type="button" class="chitl-button" onClick={() => location.reload()}>
          Log in again
        </button>
      </div>
    );
  }
  return (
    <div
      class="chitl-trouble"
      data-testid="hitl-trouble"
      data-trouble="away"
      role="alert"
      aria-atomic="false"
    >
      <p>
        <strong>The server cannot be reached.</strong> This list may be out of date. The page keeps
        retrying, and what you typed is kept.{" "}
        {unsent > 0 && (
          <strong data-testid="hitl-unsent-count">
            {unsent === 1 ? "1 answer waits" : `${unsent} answers wait`} for the server.
          </strong>
        )}
      </p>
      <button type="button" class="chitl-button" onClick={() => client.retryNow()}>
        Retry now
      </button>
    </div>
  );
}
