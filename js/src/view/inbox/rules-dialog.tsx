/** The rules that people made for tools, each with Revoke. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Client } from "../../client/client";
import { type StandingRule, standingRules } from "../../client/standing-rules";
import { oneLine } from "../text/unseen";
import { useClock } from "../use-client";
import { clockTime, RULE_WORDS } from "../words";
import { Dialog } from "./dialog";

interface Props {
  readonly client: Client;
  readonly onClose: () => void;
}

export function RulesDialog({ client, onClose }: Props) {
  const [rules, setRules] = useState<readonly StandingRule[] | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  useEffect(() => {
    let wanted = true;
    standingRules(client.rules.endpoint).then((found) => {
      if (!wanted) return;
      if (typeof found === "string") setTrouble(found);
      else setRules(found);
    });
    return () => {
      wanted = false;
    };
  }, [client]);
  const list = useRef<HTMLDivElement>(null);
  const revoke = async (id: string) => {
    const why = await client.rules.revoke(id, "api");
    setTrouble(why);
    if (why !== null) return;
    list.current?.focus(); // the button goes
    setRules((before) => before?.filter(({ rule_id }) => rule_id !== id) ?? null);
  };
  return (
    <Dialog title="Rules" testId="hitl-rules" onClose={onClose}>
      <div ref={list} class="chitl-settings" tabIndex={-1}>
        {rules !== null && <RuleList rules={rules} onRevoke={revoke} />}
        {rules === null && trouble === null && <p class="chitl-note">Loading…</p>}
        {trouble !== null && (
          <p class="chitl-error" role="alert">
            {trouble}
          </p>
        )}
        <p class="chitl-note">
          A person makes a rule on the card of a tool that waits for approval, with{" "}
          <em>Allow more</em>. A call that a rule allows says so, and a question for a named person
          is always asked.
        </p>
      </div>
    </Dialog>
  );
}

interface ListProps {
  readonly rules: readonly StandingRule[];
  readonly onRevoke: (id: string) => void;
}

function RuleList({ rules, onRevoke }: ListProps) {
  const now = useClock();
  if (rules.length === 0) {
    return (
      <p data-testid="hitl-no-rules" role="status">
        No rule allows any tool.
      </p>
    );
  }
  return (
    <ul class="chitl-rules">
      {rules.map((rule) => (
        <li key={rule.rule_id} data-testid="hitl-rule-row">
          <span>
            <strong>
              <bdi>{oneLine(rule.tool)}</bdi>
            </strong>{" "}
            {RULE_WORDS[rule.scope]}
            <span class="chitl-details">
              {around(rule).map((part) => (
                <span key={part}>
                  <bdi>{oneLine(part)}</bdi>
                </span>
              ))}
              <span>
                by <bdi>{oneLine(rule.made_by.name)}</bdi>, {clockTime(rule.made_at, now)}
              </span>
              <span>ends {clockTime(rule.expires_at, now)}</span>
            </span>
            {rule.arguments !== null && <code dir="auto">{rule.arguments}</code>}
          </span>
          <button
            type="button"
            class="chitl-button chitl-small"
            data-testid="hitl-revoke"
            aria-label={`Revoke: ${rule.tool} ${RULE_WORDS[rule.scope]}`}
            onClick={() => onRevoke(rule.rule_id)}
          >
            Revoke
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Return the names that tell a rule from others for the same tool. */
function around({ agent, notebook, crew_name }: StandingRule): readonly string[] {
  return [agent, notebook, crew_name].filter((part) => part !== null);
}
