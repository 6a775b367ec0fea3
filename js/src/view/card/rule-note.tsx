/** The line of an answer that made a rule or that a rule gave: how far it reaches, and Revoke. */

import { useState } from "preact/hooks";
import type { Client } from "../../client/client";
import type { HumanInputCompleted } from "../../protocol/gen";
import { useNameOf } from "../form/subject";
import { useClient } from "../use-client";
import { RULE_WORDS } from "../words";

interface Props {
  /** Null where there is no server: then the rule cannot be revoked. */
  readonly client: Client | null;
  readonly answer: HumanInputCompleted;
}

export function RuleNote({ client, answer }: Props) {
  const id = answer.by_rule ?? answer.event_id;
  const made = useClient(client, (known) => known.madeRule(id))?.completion;
  const rule = answer.rule ?? (made?.type === "human_input_completed" ? made.rule : undefined);
  const isRevoked = useClient(client, (known) => known.rules.isRevoked(id)) ?? false;
  const [trouble, setTrouble] = useState<string | null>(null);
  const name = useNameOf("Revoke");
  if (answer.rule === undefined && answer.by_rule === undefined) return null;
  return (
    <p class="chitl-note" data-testid="hitl-rule" role="status">
      {rule !== undefined && `The tool is allowed ${RULE_WORDS[rule.scope]}. `}
      {isRevoked && "The rule is revoked: from now on a person is asked. "}
      {client !== null && !isRevoked && (
        <button
          type="button"
          class="chitl-button chitl-small"
          data-testid="hitl-revoke"
          aria-label={name}
          onClick={async () => setTrouble(await client.rules.revoke(id, "api"))}
        >
          Revoke
        </button>
      )}
      {trouble}
    </p>
  );
}

/** Whether the reader made a rule on this page. */
export function useIsOwnRule(client: Client | null, id: string | undefined): boolean {
  const isOwn = useClient(client, (known) => {
    const made = id === undefined ? undefined : known.madeRule(id);
    return made !== undefined && known.isOwn(made.required.request_id);
  });
  return isOwn ?? false;
}
