/** One file: its icon, name, type and size, and what can be done with it. */
import type { ComponentChildren } from "preact";
import { sizeWords } from "../../protocol/files";

interface Props {
  readonly name: string;
  readonly mediaType: string;
  readonly size: number | null;
  readonly children?: ComponentChildren;
}

export function FileRow({ name, mediaType, size, children }: Props) {
  const details = [typeWords(name, mediaType), size === null ? "" : sizeWords(size)];
  return (
    <div class="chitl-file">
      <svg class="chitl-file-icon" viewBox="0 0 16 16" aria-hidden="true">
        <path d="M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3" />
      </svg>
      <span class="chitl-file-name">
        <bdi title={shortened(name) === name ? undefined : name}>{shortened(name)}</bdi>
        <small>{details.filter((part) => part !== "").join(" · ")}</small>
      </span>
      {children}
    </div>
  );
}

/** Letters of a long name that are shown from its beginning and its end, which has the type. */
const FIRST = 50;
const LAST = 20;

export function shortened(name: string): string {
  const letters = [...name];
  if (letters.length <= FIRST + LAST) return name;
  return `${letters.slice(0, FIRST).join("")}…${letters.slice(-LAST).join("")}`;
}

/** Characters of a media type that is shown. */
const TYPE_CHARS = 40;

/** Return a file's type as people know it: the ending of its name, else its media type. */
function typeWords(name: string, mediaType: string): string {
  const ending = /[^.\s]\.([a-z0-9]{1,8})$/i.exec(name)?.[1]?.toUpperCase();
  if (ending !== undefined) return ending;
  return mediaType === "application/octet-stream" ? "" : mediaType.slice(0, TYPE_CHARS);
}
