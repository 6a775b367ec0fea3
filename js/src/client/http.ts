/** Plain calls beside the stream: one request, one typed reply, no retry. */
import { decodeRefusal, isObject, type Refusal } from "../protocol/decode";
import { MAX_RETRY_AFTER_SECONDS } from "../protocol/gen";
import { type Endpoint, urlOf } from "./endpoint";
import { isRetryStatus } from "./resume";

export type Reply =
  | { readonly kind: "ok"; readonly body: unknown }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "unreachable"; readonly retryAfterMs?: number };

/** The reply that refused a stream. */
export interface StreamReply {
  readonly status: number;
  /** Whether the body is an error of our server's, not a host's or a proxy's. */
  readonly isOwn: boolean;
  readonly retryAfterMs: number;
}

/** The status by which a JupyterHub says that it has stopped the server. */
const HUB_STOPPED = 424;

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

export function patch(endpoint: Endpoint, path: string, body: object): Promise<Reply> {
  return call(endpoint, path, {
    method: "PATCH",
    headers: { ...endpoint.headers(), "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function call(endpoint: Endpoint, path: string, init: RequestInit): Promise<Reply> {
  try {
    const fetching = endpoint.fetch ?? fetch;
    const response = await fetching(urlOf(endpoint, path), { ...init, cache: "no-store" });
    if (isRetryStatus(response.status) || isHubPage(response))
      return { kind: "unreachable", retryAfterMs: retryAfterMsOf(response) };
    const body = parsed(await response.text());
    if (response.ok) return { kind: "ok", body };
    return { kind: "refused", refusal: decodeRefusal(response.status, body) };
  } catch {
    // fetch throws only when no reply came, or its body broke off: the network, not the server.
    return { kind: "unreachable" };
  }
}

/** Read the reply that refused a stream; a hub's page about a stopped server is a 424. */
export async function streamReply(response: Response): Promise<StreamReply> {
  const body = parsed(await response.text());
  return {
    status: isHubPage(response) ? HUB_STOPPED : response.status,
    isOwn: isObject(body) && "error" in body,
    retryAfterMs: retryAfterMsOf(response),
  };
}

/** Return how long a reply asks to be left alone. As a date, which is rare, it counts as 0. */
function retryAfterMsOf({ headers }: Response): number {
  const seconds = headers.get("Retry-After") ?? "";
  return /^\d+$/.test(seconds) ? 1000 * Math.min(Number(seconds), MAX_RETRY_AFTER_SECONDS) : 0;
}

/**
 * Whether a JupyterHub answers for a server that it has stopped. It answers a GET with 424 and a
 * POST with a page that seems to be about permissions. Our server's own refusals are JSON.
 */
function isHubPage({ status, headers }: Response): boolean {
  const isPage = headers.get("Content-Type")?.startsWith("text/html") === true;
  return status === 403 && isPage && headers.has("X-JupyterHub-Version");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page
  }
}
