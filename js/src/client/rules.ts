/** The rules that people made for tools: listed and revoked by plain calls. */
import { isObject } from "../protocol/decode";
import type { AnsweredBy } from "../protocol/gen";
import type { RuleScope } from "../protocol/rules";
import type { Endpoint } from "./endpoint";
import { get, post, type Reply } from "./http";

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

export class Rules {
  /** The rules that were revoked on this page. */
  private readonly ended = new Set<string>();

  constructor(
    private readonly endpoint: Endpoint,
    private readonly changed: () => void,
  ) {}

  /** Not through a kernel: its key is that of the crew. */
  get canBeMade(): boolean {
    return this.endpoint.fetch === undefined;
  }

  isRevoked(id: string): boolean {
    return this.ended.has(id);
  }

  /** End a rule; returns why that failed, or null. */
  async revoke(id: string, via: string): Promise<string | null> {
    const path = `rules/${encodeURIComponent(id)}/revoke`;
    const why = trouble(await post(this.endpoint, path, { via }, {}));
    if (why !== null) return why;
    this.ended.add(id);
    this.changed();
    return null;
  }

  /** Return the rules that stand, or why they cannot be listed. */
  async list(): Promise<readonly StandingRule[] | string> {
    const reply = await get(this.endpoint, "rules");
    const found = reply.kind === "ok" && isObject(reply.body) ? reply.body.rules : null;
    if (Array.isArray(found)) return found.filter(isRule);
    return trouble(reply) ?? "The server's reply is not a list of rules.";
  }
}

function trouble(reply: Reply): string | null {
  if (reply.kind === "unreachable") return "The server cannot be reached. Try again in a moment.";
  return reply.kind === "refused" ? reply.refusal.message : null;
}

function isRule(raw: unknown): raw is StandingRule {
  return isObject(raw) && typeof raw.rule_id === "string" && isObject(raw.made_by);
}
