/** The rules that stand, as the server lists them; apart from `rules.ts`, since no card needs them. */
import { isObject } from "../protocol/decode";
import type { AnsweredBy } from "../protocol/gen";
import type { RuleScope } from "../protocol/rules";
import type { Endpoint } from "./endpoint";
import { get } from "./http";
import { trouble } from "./rules";

/** A rule as the server lists it. */
export interface StandingRule {
  readonly rule_id: string;
  readonly scope: RuleScope;
  readonly tool: string;
  readonly arguments: string | null;
  readonly agent: string | null;
  readonly notebook: string | null;
  readonly crew_name: string | null;
  readonly made_by: AnsweredBy;
  readonly made_at: string;
  readonly expires_at: string;
}

/** Return the rules that stand, or why they cannot be listed. */
export async function standingRules(endpoint: Endpoint): Promise<readonly StandingRule[] | string> {
  const reply = await get(endpoint, "rules");
  const found = reply.kind === "ok" && isObject(reply.body) ? reply.body.rules : null;
  if (Array.isArray(found)) return found.filter(isRule);
  return trouble(reply) ?? "The server's reply is not a list of rules.";
}

function isRule(raw: unknown): raw is StandingRule {
  return isObject(raw) && typeof raw.rule_id === "string" && isObject(raw.made_by);
}
