/**
 * What a field for files holds: files, and uploads that will become files. Pure.
 *
 * The card keeps it as JSON text like that of every field with parts, so a draft of it survives a
 * reload. An upload in it has no reference yet, and the form cannot be sent with it
 * (`form/fields.ts`); nor would the server take it.
 */
import { isObject } from "../../protocol/decode";
import { type FileReference, isFile, sizeWords } from "../../protocol/files";
import { type Json, NOT_UPLOADED } from "../form/fields";

export interface Uploading {
  readonly id: string;
  readonly name: string;
}

export type Entry = FileReference | Uploading;

export function entriesOf(json: string): readonly Entry[] {
  return [parsed(json)].flat().flatMap((value): readonly Entry[] => {
    if (isFile(value)) return [value];
    if (!isObject(value) || typeof value.name !== "string") return [];
    return [{ id: String(value[NOT_UPLOADED]), name: value.name }];
  });
}

/** Return the value as JSON; "" for none. */
export function jsonOf(entries: readonly Entry[], isList: boolean): string {
  const values = entries.map((entry) =>
    isFile(entry) ? entry : { [NOT_UPLOADED]: entry.id, name: entry.name },
  );
  return values.length === 0 ? "" : JSON.stringify(isList ? values : values[0], null, 2);
}

/** Return the entries with an upload replaced by its file; the same file is kept once. */
export function withFile(
  entries: readonly Entry[],
  id: string,
  file: FileReference,
): readonly Entry[] {
  const isSame = (one: Entry) =>
    isFile(one) && one.sha256 === file.sha256 && one.name === file.name;
  const others = entries.filter((one) => isFile(one) || one.id !== id);
  if (others.length === entries.length || others.some(isSame)) return others;
  return entries.map((one) => (isFile(one) || one.id !== id ? one : file));
}

/** What a field takes, from its schema. */
export interface Taken {
  readonly accept: readonly string[];
  readonly mostBytes: number;
  /** The most files. */
  readonly most: number;
}

export function takenBy(property: Json, mostBytes: number, mostFiles: number): Taken {
  const isList = property.type === "array";
  const file = isList && isObject(property.items) ? property.items : property;
  const { accept, maxBytes } = file;
  const { maxItems } = property;
  return {
    accept: Array.isArray(accept) ? accept.map(String) : [],
    mostBytes: typeof maxBytes === "number" ? Math.min(maxBytes, mostBytes) : mostBytes,
    most: isList ? Math.min(typeof maxItems === "number" ? maxItems : mostFiles, mostFiles) : 1,
  };
}

/** Return what a field takes, in the words of the server's errors (`forms.json`). */
export function takenWords({ accept, mostBytes }: Taken): string {
  return [accept.join(", "), `at most ${sizeWords(mostBytes)}`]
    .filter((part) => part !== "")
    .join(" · ");
}

interface Chosen {
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

/** Return what the server would say of a file, before it is sent (`protocol/files.py`), or "". */
export function wrongWith(file: Chosen, { accept, mostBytes }: Taken): string {
  if (accept.length > 0 && !accept.some((kind) => isOf(file, kind.toLowerCase()))) {
    return `must be one of these kinds of files: ${accept.join(", ")}`;
  }
  return file.size > mostBytes ? `can have at most ${sizeWords(mostBytes)}` : "";
}

function isOf({ name, type }: Chosen, kind: string): boolean {
  if (kind.startsWith(".")) return name.toLowerCase().endsWith(kind);
  return kind.endsWith("/*") ? type.startsWith(kind.slice(0, -1)) : type === kind;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return [];
  }
}
