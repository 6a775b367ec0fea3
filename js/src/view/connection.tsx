/** The state of the connection: a dot and a word. */
import type { LinkState } from "../client/resume";
import { connection } from "./words";

export function Connection({ state }: { readonly state: LinkState }) {
  const { label, title } = connection(state);
  return (
    <span
      class={`chitl-connection chitl-is-${state.phase}`}
      data-testid="hitl-connection"
      data-state={state.phase}
      data-transport={state.transport}
      title={title}
    >
      {label}
    </span>
  );
}
