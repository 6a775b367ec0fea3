/**
 * Which rules a person may make with an approval. The server decides; `crewai_hitl_nb/protocol/rules.py`
 * has the same function, and `tests/fixtures/rules.json` checks both.
 */
import type { HumanInputRequired, Rule } from "./gen";

export type RuleScope = Rule["scope"];

export function ruleScopes(required: HumanInputRequired): readonly RuleScope[] {
  const { call, kind, assignee, response, execution_id: run, source } = required;
  const free = assignee === null && response.decisions.includes("approve");
  if (call === undefined || kind !== "tool_approval" || !free) return [];
  const offered: readonly (readonly [RuleScope, boolean])[] = [
    ["run", run !== null],
    ["arguments", run !== null && call.arguments !== null],
    ["notebook", Boolean(source.notebook && source.agent_role)],
  ];
  return offered.filter(([, possible]) => possible).map(([scope]) => scope);
}
