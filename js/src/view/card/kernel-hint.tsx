/** A hint for pages that reach the server only through a kernel, while that is busy. */
import type { LinkState } from "../../client/resume";

export function KernelHint({ connection }: { readonly connection: LinkState | null }) {
  const busy = connection?.transport === "comm" && connection.failures > 0;
  if (!busy || connection.phase === "live") return null;
  return (
    <div class="chitl-note" data-testid="hitl-kernel-hint" role="status">
      <p>
        This page reaches the server only through the kernel, and the kernel is busy with this cell.
        Answer from the inbox page of the Jupyter server or with <code>crewai-hitl answer</code>.
      </p>
      <p>
        To answer here, run the crew with <code>hitl.start(crew)</code>, which leaves the kernel
        free.
      </p>
    </div>
  );
}
