/**
 * Files: what an event says about one, in the words of `crewai_hitl_nb/protocol/files.py`. Pure.
 *
 * The content is beside the log and is fetched by itself (`view/files/`).
 */

import type { FileReference } from "./gen";

export type { FileReference };

export function isFile(value: unknown): value is FileReference {
  const { name, media_type, size, sha256 } = (value ?? {}) as Partial<FileReference>;
  return (
    typeof name === "string" &&
    typeof media_type === "string" &&
    typeof size === "number" &&
    /^[0-9a-f]{64}$/.test(String(sha256))
  );
}

/** Return a file as text: "sales.csv (12 KB)". */
export function fileWords({ name, size }: FileReference): string {
  return `${name} (${sizeWords(size)})`;
}

/** Return a size for people, rounded down: "1 byte", "12 KB", "1.5 MB". */
export function sizeWords(size: number): string {
  const power = Math.min(3, Math.floor((String(size).length - 1) / 3));
  if (power === 0) return `${size} byte${size === 1 ? "" : "s"}`;
  const tenths = Math.floor(size / (1000 ** power / 10));
  return `${tenths < 100 ? tenths / 10 : Math.floor(tenths / 10)} ${" KMG"[power]}B`;
}
