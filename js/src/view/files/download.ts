/**
 * Fetches a file with the page's own credentials, and saves it.
 *
 * Its bytes are never opened here: whoever sent them chose them, and a page of theirs at our address
 * could answer for the reader. So what is saved has no type that a browser would show.
 */
import { urlOf } from "../../client/endpoint";
import { decodeRefusal } from "../../protocol/decode";
import type { FileReference } from "../../protocol/files";
import type { FilePlace } from "./place";

/** How long a browser may take to begin with what it saves. */
const SAVING_MS = 60_000;

/** Return a file's bytes, or in words why there are none. */
export async function fetched(
  { endpoint, requestId }: FilePlace,
  { sha256 }: FileReference,
): Promise<Uint8Array<ArrayBuffer> | string> {
  const path = `${filesPath(requestId)}/${sha256}`;
  try {
    const response = await fetch(urlOf(endpoint, path), {
      headers: endpoint.headers(),
    });
    if (!response.ok) return decodeRefusal(response.status, await jsonOf(response)).message;
    const bytes = new Uint8Array(await response.arrayBuffer());
    const hash = await hashOf(bytes);
    return hash === null || hex(hash) === sha256 ? bytes : "The file arrived damaged. Try again.";
  } catch {
    return "The server could not be reached. Try again.";
  }
}

/** Save bytes under a name, as the browser saves a download. */
export function save(bytes: Uint8Array<ArrayBuffer>, name: string, page: Document): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  const link = page.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), SAVING_MS);
}

export function filesPath(requestId: string): string {
  return `requests/${encodeURIComponent(requestId)}/files`;
}

/** Where a file of a request is sent. */
export function uploadUrl({ endpoint, requestId }: FilePlace, name: string): URL {
  return urlOf(endpoint, filesPath(requestId), { name });
}

/** Return the SHA-256 hash, or null on a page served by plain HTTP under a host name. */
export async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array | null> {
  const subtle: SubtleCrypto | undefined = crypto.subtle;
  return subtle === undefined ? null : new Uint8Array(await subtle.digest("SHA-256", bytes));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return null; // a proxy's page
  }
}
