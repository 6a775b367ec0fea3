/**
 * The files that this page sends, one after the other, whether or not their form is on the screen.
 *
 * A form's value holds the id of an upload until it has the reference that the server gives for it.
 * While the server is away, files wait for it. By `XMLHttpRequest`, because `fetch` does not say how
 * much of a body it has sent.
 */
import type { Client } from "../../client/client";
import { isRetryStatus } from "../../client/resume";
import { decodeRefusal } from "../../protocol/decode";
import { type FileReference, isFile } from "../../protocol/files";
import { hashOf, uploadUrl } from "./download";
import type { FilePlace } from "./place";

export type UploadState =
  | { readonly kind: "waiting" }
  | { readonly kind: "sending"; readonly part: number }
  | { readonly kind: "sent"; readonly file: FileReference }
  | { readonly kind: "failed"; readonly message: string };

interface Upload {
  readonly id: string;
  readonly place: FilePlace;
  readonly file: File;
  state: UploadState;
  /** Stops it while it is being sent. */
  abort: (() => void) | null;
}

/** How a sending ended; no state if it is to be tried again. */
type Ending = UploadState | null;

const UNREACHABLE = "The server could not be reached.";
const UNREADABLE = "The file cannot be read. Choose it again; a folder cannot be sent.";

export class Uploads {
  private readonly uploads = new Map<string, Upload>();
  private readonly listeners = new Set<() => void>();
  private sending = false;

  private constructor(private readonly client: Client) {
    client.subscribe(() => void this.sendNext());
  }

  private static readonly ofClient = new WeakMap<Client, Uploads>();

  /** The uploads of a page: they go on while their form is away. */
  static of({ client }: FilePlace): Uploads {
    const known = Uploads.ofClient.get(client);
    if (known !== undefined) return known;
    const uploads = new Uploads(client);
    Uploads.ofClient.set(client, uploads);
    return uploads;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Return how an upload is going; undefined if it is not of this page. */
  state(id: string): UploadState | undefined {
    return this.uploads.get(id)?.state;
  }

  size(id: string): number | null {
    return this.uploads.get(id)?.file.size ?? null;
  }

  /** Send a file as soon as it can be sent; returns the id of the upload. */
  add(place: FilePlace, file: File): string {
    const id = newId();
    this.uploads.set(id, { id, place, file, state: { kind: "waiting" }, abort: null });
    void this.sendNext();
    return id;
  }

  again(id: string): void {
    const upload = this.uploads.get(id);
    if (upload?.state.kind === "failed") this.become(upload, { kind: "waiting" });
    void this.sendNext();
  }

  /** Forget an upload, and stop it. */
  remove(id: string): void {
    const upload = this.uploads.get(id);
    this.uploads.delete(id);
    upload?.abort?.();
  }

  private async sendNext(): Promise<void> {
    if (this.sending || this.client.connection.phase === "offline") return;
    const next = [...this.uploads.values()].find(({ state }) => state.kind === "waiting");
    if (next === undefined) return;
    this.sending = true;
    const ending = await this.send(next);
    this.sending = false;
    const away = this.client.connection.phase !== "live";
    const unsent: UploadState = away
      ? { kind: "waiting" }
      : { kind: "failed", message: UNREACHABLE };
    this.become(next, ending ?? unsent);
    if (ending !== null || !away) void this.sendNext(); // else when the connection changes
  }

  private async send(upload: Upload): Promise<Ending> {
    this.become(upload, { kind: "sending", part: 0 });
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = new Uint8Array(await upload.file.arrayBuffer());
    } catch {
      return { kind: "failed", message: UNREADABLE };
    }
    const hash = await hashOf(bytes);
    if (!this.uploads.has(upload.id)) return null; // removed meanwhile
    const call = new XMLHttpRequest();
    upload.abort = () => call.abort();
    const { place, file } = upload;
    call.open("POST", uploadUrl(place, file.name));
    for (const [name, value] of Object.entries(place.endpoint.headers())) {
      call.setRequestHeader(name, value);
    }
    call.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    if (hash !== null) {
      const digest = btoa(String.fromCharCode(...hash));
      call.setRequestHeader("Content-Digest", `sha-256=:${digest}:`); // RFC 9530
    }
    call.upload.onprogress = ({ loaded, total }) =>
      this.become(upload, { kind: "sending", part: total > 0 ? loaded / total : 0 });
    return new Promise((done) => {
      call.onloadend = () => done(endingOf(call));
      call.send(bytes);
    });
  }

  private become(upload: Upload, state: UploadState): void {
    upload.state = state;
    for (const listener of [...this.listeners]) listener();
  }
}

function endingOf({ status, responseText }: XMLHttpRequest): Ending {
  const body = parsed(responseText);
  if (status === 201 || status === 200) {
    return isFile(body)
      ? { kind: "sent", file: body }
      : { kind: "failed", message: "The server did not take the file." };
  }
  const { message, error } = decodeRefusal(status, body);
  const away = status === 0 || (isRetryStatus(status) && error !== "too_many");
  return away ? null : { kind: "failed", message };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null; // a proxy's page
  }
}

function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join(
    "",
  );
}
