/** The quiet menu beside Allow: a person may allow more than this one call. */
import type { RuleScope } from "../../protocol/rules";
import { RULE_WORDS } from "../words";
import { useNameOf } from "./subject";

interface Props {
  readonly scopes: readonly RuleScope[];
  readonly enabled: boolean;
  readonly onAllow: (scope: RuleScope) => void;
}

export function RuleMenu({ scopes, enabled, onAllow }: Props) {
  const name = useNameOf("Allow more");
  if (scopes.length === 0) return null;
  return (
    <details class="chitl-rule-menu" data-testid="hitl-rule-menu">
      <summary class="chitl-button" aria-label={name}>
        Allow more
      </summary>
      {scopes.map((scope) => (
        <button
          key={scope}
          type="button"
          class="chitl-button"
          data-testid={`hitl-allow-${scope}`}
          disabled={!enabled}
          onClick={() => onAllow(scope)}
        >
          Allow this tool {RULE_WORDS[scope]}
        </button>
      ))}
    </details>
  );
}
