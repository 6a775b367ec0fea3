/** Plain calls beside the stream: one request, one typed reply. It does not retry. */
import { decodeRefusal, type Refusal } from "../protocol/decode";
import { MAX_RETRY_AFTER_SECONDS } from "../protocol/gen";
import { type Endpoint, urlOf } from "./endpoint";

export type Reply =
  | { readonly kind: "ok"; readonly body: unknown }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** `leaveMs`: how long somebody there asked to be left alone. */
  | { readonly kind: "unreachable"; readonly leaveMs?: number };

/** Statuses that say "not now": nothing was lost and the same call may succeed later. */
const PASSING = new Set([424, 429, 502, 503, 504]);

export function get(endpoint: Endpoint, path: string): Promise<Reply> {
  return call(endpoint, path, { headers: endpoint.headers() });
}

export function post(
  endpoint: Endpoint,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>>,
  /** Whether the call outlives the page (at most 64 kB, says the Fetch standard). */
  keepalive = false,
): Promise<Reply> {
  return call(endpoint, path, {
    method: "POST",
    keepalive,
    headers: { ...endpoint.headers(), ...headers, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function call(endpoint: Endpoint, path: string, init: RequestInit): Promise<Reply> {
  try {
    const fetching = endpoint.fetch ?? fetch;
    const response = await fetching(urlOf(endpoint, path), { ...init, cache: "no-store" });
    if (PASSING.has(response.status) || isHubPage(response))
      return { kind: "unreachable", leaveMs: leaveMsOf(response) };
    const body = parsed(await response.text());
    if (response.ok) return { kind: "ok", body };
    return { kind: "refused", refusal: decodeRefusal(response.status, body) };
  } catch {
    // fetch throws only when no answer came (or its body broke off): the network, not the server.
    return { kind: "unreachable" };
  }
}

/** Return how long a reply asks to be left alone; its form as a date is rare, and 0 here. */
export function leaveMsOf({ headers }: Response): number {
  const seconds = headers.get("Retry-After") ?? "";
  return /^\d+$/.test(seconds) ? 1000 * Math.min(Number(seconds), MAX_RETRY_AFTER_SECONDS) : 0;
}

/**
 * Whether a JupyterHub answers in place of a server that it has stopped: a GET gets 424, a POST
 * this page, which seems to speak of rights. Refusals of the server itself are JSON.
 */
function isHubPage({ status, headers }: Response): boolean {
  const isPage = headers.get("Content-Type")?.startsWith("text/html") === true;
  return status === 403 && isPage && headers.has("X-JupyterHub-Version");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page; the status still speaks
  }
}
