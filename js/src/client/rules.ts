/** The rules that people made for tools, which ones were revoked, and how to revoke one. */
import type { Endpoint } from "./endpoint";
import { post, type Reply } from "./http";

export class Rules {
  /** The rules that were revoked while this page was open. */
  private readonly revoked = new Set<unknown>();

  constructor(
    readonly endpoint: Endpoint,
    private readonly changed: () => void,
  ) {}

  /** Not through a kernel: its key is that of the crew. */
  get canBeMade(): boolean {
    return this.endpoint.fetch === undefined;
  }

  isRevoked(id: string): boolean {
    return this.revoked.has(id);
  }

  /** End a rule; returns why that failed, or null. */
  async revoke(id: string, via: string): Promise<string | null> {
    const path = `rules/${encodeURIComponent(id)}/revoke`;
    const why = trouble(await post(this.endpoint, path, { via }, {}));
    if (why !== null) return why;
    this.ended(id);
    return null;
  }

  /** Somebody revoked a rule, here or elsewhere. */
  ended(id: unknown): void {
    this.revoked.add(id);
    this.changed();
  }
}

/** Return why a call failed, or null. */
export function trouble(reply: Reply): string | null {
  if (reply.kind === "unreachable") return "The server cannot be reached. Try again in a moment.";
  return reply.kind === "refused" ? reply.refusal.message : null;
}
