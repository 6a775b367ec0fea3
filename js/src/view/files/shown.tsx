/** The files in a question or an answer, each with a button to save it, and pictures to look at. */
import { useEffect, useRef, useState } from "preact/hooks";
import { isObject } from "../../protocol/decode";
import { type FileReference, isFile } from "../../protocol/files";
import { NO_FILES } from "../text/files";
import { imageOf } from "../text/images";
import { LongText, useSome } from "../text/show-more";
import { useInSight } from "../use-in-sight";
import { fetched, save } from "./download";
import type { FilePlace } from "./place";
import { FileRow } from "./row";

interface Props {
  readonly value: unknown;
  /** The value as text. */
  readonly text: string;
  /** Null where files cannot be fetched. */
  readonly place: FilePlace | null;
}

export function ShownFiles({ value, text, place }: Props) {
  const [files, more] = useSome(filesIn(value), "files");
  const only = [value].flat().every(isFile);
  return (
    <>
      {!only && <LongText text={text} />}
      {files.map((file, at) => (
        <ShownFile key={at} file={file} place={place} />
      ))}
      {more}
      {place === null && files.length > 0 && <p class="chitl-note">{NO_FILES}</p>}
    </>
  );
}

/** Levels of a value that are looked through; forms have fewer. */
const DEPTH = 10;

/** Return the files in a value, in the order in which it has them. */
export function filesIn(value: unknown, depth = DEPTH): readonly FileReference[] {
  if (isFile(value)) return [value];
  if (depth === 0 || !(Array.isArray(value) || isObject(value))) return [];
  return Object.values(value).flatMap((part) => filesIn(part, depth - 1));
}

interface ShownProps extends Pick<Props, "place"> {
  readonly file: FileReference;
}

function ShownFile({ file, place }: ShownProps) {
  return (
    <div class="chitl-shown-file" data-testid="hitl-file">
      {place === null ? (
        <FileRow name={file.name} mediaType={file.media_type} size={file.size} />
      ) : (
        <SavedFile file={file} place={place} />
      )}
    </div>
  );
}

interface FileProps {
  readonly file: FileReference;
  readonly place: FilePlace;
}

function SavedFile({ file, place }: FileProps) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const download = async (page: Document) => {
    if (busy) return;
    setBusy(true);
    setTrouble("");
    const bytes = await fetched(place, file);
    setBusy(false);
    if (typeof bytes === "string") setTrouble(bytes);
    else save(bytes, file.name, page);
  };
  return (
    <>
      <FileRow name={file.name} mediaType={file.media_type} size={file.size}>
        <button
          type="button"
          class="chitl-button chitl-small"
          data-testid="hitl-download"
          aria-label={`Download ${file.name}`}
          aria-disabled={busy}
          onClick={(event) => download(event.currentTarget.ownerDocument)}
        >
          {busy ? "Downloading…" : "Download"}
        </button>
      </FileRow>
      {trouble !== "" && (
        <p class="chitl-wrong" role="alert">
          {trouble}
        </p>
      )}
      {isPicture(file) && <Picture file={file} place={place} />}
    </>
  );
}

const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** Bytes of a picture that is shown without being asked for. */
const PICTURE_BYTES = 4_000_000;

function isPicture({ media_type, size }: FileReference): boolean {
  return PICTURES.includes(media_type) && size <= PICTURE_BYTES;
}

/** A picture that is not what its type says, or is too large to draw, is only a file. */
function Picture({ file, place }: FileProps) {
  const host = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(false);
  const enter = () => {
    setSeen(true);
    return () => undefined;
  };
  useInSight(host, seen ? null : enter, [seen]);
  useEffect(() => {
    if (!seen) return;
    let left = false;
    void fetched(place, file).then((bytes) => {
      if (left || host.current === null || typeof bytes === "string") return;
      const bundle = { "image/png": base64(bytes) }; // its own head says what it is
      const image = imageOf(bundle, file.name, host.current.ownerDocument);
      if (typeof image !== "string") host.current.replaceChildren(image);
    });
    return () => {
      left = true;
    };
  }, [seen, file.sha256]);
  return <div ref={host} class="chitl-picture" />;
}

/** Bytes that become text in one call. */
const PART_BYTES = 0x8000;

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += PART_BYTES) {
    text += String.fromCharCode(...bytes.subarray(start, start + PART_BYTES));
  }
  return btoa(text);
}
