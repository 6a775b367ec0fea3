/**
 * The reader's name on a Jupyter server without accounts, which calls people "Anonymous Metis".
 *
 * Others read that name beside an answer, so the views offer to give another one, once. Jupyter keeps
 * it in the person's own cookie (`/api/me`), where it allows this. Only a generated name is offered
 * for change: an account's is the account's business.
 */
import { isObject } from "../protocol/decode";
import type { Endpoint } from "./endpoint";
import { get, patch } from "./http";
import { isKept, keep } from "./kept";

/** Their names in `localStorage`: the person keeps the name they have; a name was given. */
const DECLINED = "crewai-hitl/keep-name";
const NAMED = "crewai-hitl/named-at";

/** The longest name that can be given; people read it in one line. */
export const MAX_NAME_CHARS = 100;

export class Identity {
  /** The generated name that can be replaced, or null. */
  anonymous: string | null = null;
  private asked = false;
  private initials = false;

  constructor(
    private readonly endpoint: Endpoint,
    /** The offer came or went. */
    private readonly changed: () => void,
    /** The name is another one: connections that were opened with the old one must close. */
    private readonly renamed: () => void,
  ) {
    globalThis.addEventListener?.("storage", this.onStorage);
  }

  stop(): void {
    globalThis.removeEventListener?.("storage", this.onStorage);
  }

  /** Find out, once, whether this person has a generated name that they may change. */
  async look(): Promise<void> {
    const { identity: url } = this.endpoint;
    if (this.asked || url === undefined || isKept(DECLINED)) return;
    this.asked = true;
    const reply = await get(this.endpoint, url);
    if (reply.kind === "unreachable") this.asked = false;
    if (reply.kind !== "ok") return;
    const fields = updatableIn(reply.body);
    this.initials = fields.includes("initials");
    this.offer(fields.includes("display_name") ? generatedNameIn(reply.body) : null);
  }

  /** Give a name; returns why that failed, or null. */
  async give(name: string): Promise<string | null> {
    const { identity: url } = this.endpoint;
    if (url === undefined) return NOT_KEPT;
    const body = { display_name: name, ...(this.initials ? { initials: initialsOf(name) } : {}) };
    const reply = await patch(this.endpoint, url, body);
    if (reply.kind === "unreachable") return "The server could not be reached. Try again.";
    if (reply.kind === "refused") return NOT_KEPT;
    store(NAMED, String(Date.now()));
    this.renamed();
    this.offer(null);
    return null;
  }

  /** The person keeps the name they have. */
  decline(): void {
    keep(DECLINED, true);
    this.offer(null);
  }

  /** Another page of this browser gave a name, or declined. */
  private readonly onStorage = ({ key }: StorageEvent) => {
    if (key === NAMED) this.renamed();
    if (key === NAMED || key === DECLINED) this.offer(null);
  };

  private offer(name: string | null): void {
    if (this.anonymous === name) return;
    this.anonymous = name;
    this.changed();
  }
}

const NOT_KEPT = "The server does not keep another name.";

function updatableIn(body: unknown): readonly unknown[] {
  const permissions = isObject(body) ? body.permissions : null;
  const fields = isObject(permissions) ? permissions.updatable_fields : null;
  return Array.isArray(fields) ? fields : [];
}

/** Return the name that Jupyter made up for a person without an account, or null. */
function generatedNameIn(body: unknown): string | null {
  const identity = isObject(body) ? body.identity : null;
  if (!isObject(identity)) return null;
  const { username, display_name: name } = identity;
  const isGenerated = typeof username === "string" && /^[0-9a-f]{32}$/.test(username);
  return isGenerated && typeof name === "string" && /^Anonymous \S/.test(name) ? name : null;
}

function initialsOf(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  return ends.map((word) => [...(word ?? "")][0]?.toUpperCase() ?? "").join("");
}

/** Tell the other pages of this browser; they get an event for every change. */
function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // They have the old name until they are loaded again.
  }
}
