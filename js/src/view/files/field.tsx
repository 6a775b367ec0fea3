/**
 * A form's field for a file, or for a list of files.
 *
 * A file is sent when it is chosen, dropped or pasted, so that the field's value is a reference
 * (`entries.ts`) which a draft can keep. `uploads.ts` sends it.
 */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { isFile, sizeWords } from "../../protocol/files";
import { MAX_FILE_BYTES, MAX_FILES_PER_REQUEST } from "../../protocol/gen";
import type { FieldProps } from "../form/controls";
import { errorsIn, Messages } from "../form/parts/row";
import { useKept } from "../form/parts/state";
import { oneLine } from "../text/unseen";
import { type Entry, entriesOf, jsonOf, takenBy, takenWords, withFile, wrongWith } from "./entries";
import { useIncoming } from "./incoming";
import { FileItem } from "./item";
import type { FilePlace } from "./place";
import { Uploads } from "./uploads";

interface Props extends FieldProps {
  readonly place: FilePlace;
}

export function FileField(props: Props) {
  const { id, field, errors, disabled } = props;
  const { taken, entries, uploads, said, refused, add, remove, isList } = useFiles(props);
  const host = useRef<HTMLDivElement>(null);
  const focusNext = useFocusNext(host);
  const full = isList && entries.length >= taken.most;
  const over = useIncoming(host, disabled || full ? null : add);
  return (
    <div ref={host} class={`chitl-files${over ? " chitl-is-over" : ""}`}>
      {entries.map((entry, at) => {
        const within = isList ? errorsIn(at, errors) : errors.filter((error) => error.field !== "");
        return (
          <FileItem
            key={isFile(entry) ? `${entry.sha256} ${entry.name}` : entry.id}
            id={`${id}-${at}-wrong`}
            entry={entry}
            uploads={uploads}
            errors={within}
            disabled={disabled}
            onRemove={() => {
              remove(entry);
              focusNext(at);
            }}
          />
        );
      })}
      <Messages id={`${id}-refused`} errors={refused} />
      {full ? (
        <p class="chitl-hint">{`${taken.most} files at most`}</p>
      ) : (
        <Choose
          {...props}
          accept={taken.accept}
          several={isList}
          some={entries.length > 0}
          onFiles={add}
        />
      )}
      <p class="chitl-hint" id={`${id}-files`}>
        {takenWords(taken)}
      </p>
      <span class="chitl-sr" role="status" aria-label={field.label}>
        {said}
      </span>
    </div>
  );
}

interface ChooseProps extends FieldProps {
  readonly accept: readonly string[];
  readonly several: boolean;
  /** Whether there is a file already. */
  readonly some: boolean;
  readonly onFiles: (files: readonly File[]) => void;
}

/** The browser's own control, drawn as a button: it opens by keyboard, and screen readers know it. */
function Choose({
  id,
  field,
  errors,
  disabled,
  first,
  accept,
  several,
  some,
  onFiles,
}: ChooseProps) {
  const again = several ? "Add a file…" : "Choose another file…";
  const words = some ? again : "Choose a file…";
  return (
    <p class="chitl-choose">
      <label class="chitl-button" aria-disabled={disabled || undefined}>
        <input
          type="file"
          id={id}
          data-testid="hitl-choose-file"
          aria-label={`${words.replace("…", "")}: ${field.label}`}
          aria-describedby={`${id}-files`}
          aria-invalid={errors.length > 0 || undefined}
          aria-keyshortcuts={first ? "r" : undefined}
          accept={accept.join(",")}
          multiple={several}
          disabled={disabled}
          onChange={({ currentTarget }) => {
            const files = [...(currentTarget.files ?? [])];
            currentTarget.value = ""; // so that the same file can be chosen again
            onFiles(files);
          }}
        />
        <span aria-hidden="true">{words}</span>
      </label>
      <span class="chitl-hint" aria-hidden="true">
        or drop or paste it here
      </span>
    </p>
  );
}

interface Refused {
  readonly field: string;
  readonly message: string;
}

/** The state of the field: its entries, the uploads among them, and what was not taken. */
function useFiles({ field, input, place, onInput }: Props) {
  const { property } = field;
  const isList = property.type === "array";
  const taken = takenBy(property, MAX_FILE_BYTES, MAX_FILES_PER_REQUEST);
  const kept = useKept<readonly Entry[]>(
    String(input),
    entriesOf,
    (entries) => jsonOf(entries, isList),
    onInput,
  );
  const uploads = Uploads.of(place);
  const [said, say] = useState("");
  const [refused, setRefused] = useState<readonly Refused[]>([]);
  const remove = (entry: Entry) => {
    kept.change((before) => before.filter((one) => one !== entry));
    if (!isFile(entry)) uploads.remove(entry.id);
    say(`${entry.name} removed`);
  };
  const add = (files: readonly File[]) => {
    const wrong: Refused[] = [];
    let room = isList ? taken.most - kept.state.length : 1;
    for (const file of files) {
      const reason = room > 0 ? wrongWith(file, taken) : `can have at most ${counted(taken.most)}`;
      if (reason !== "") {
        wrong.push({ field: "", message: `${oneLine(file.name)} was not added: ${reason}` });
        continue;
      }
      room--;
      const entry = { id: uploads.add(place, file), name: oneLine(file.name) };
      if (!isList) for (const one of kept.state) if (!isFile(one)) uploads.remove(one.id);
      kept.change((before) => (isList ? [...before, entry] : [entry]));
    }
    setRefused(wrong);
    say(wrong.length > 0 ? wrong.map(({ message }) => message).join("; ") : "Uploading…");
  };
  useSettled(uploads, kept.state, (id, file) => {
    kept.change((before) => withFile(before, id, file));
    say(`${file.name} uploaded, ${sizeWords(file.size)}`);
  });
  return { taken, entries: kept.state, uploads, said, refused, add, remove, isList };
}

function counted(files: number): string {
  return `${files} file${files === 1 ? "" : "s"}`;
}

/** Redraw while uploads go on, and hand over each file that has arrived. */
function useSettled(
  uploads: Uploads,
  entries: readonly Entry[],
  onFile: (id: string, file: Extract<Entry, { sha256: string }>) => void,
): void {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useLayoutEffect(() => uploads.subscribe(() => redraw(0)), [uploads]);
  useEffect(() => {
    for (const entry of entries) {
      const state = isFile(entry) ? undefined : uploads.state(entry.id);
      if (isFile(entry) || state?.kind !== "sent") continue;
      uploads.remove(entry.id);
      onFile(entry.id, state.file);
    }
  });
}

/** Return a function that says that the entry at a place is gone: the focus stays near. */
function useFocusNext(host: RefObject<HTMLElement | null>): (at: number) => void {
  const wanted = useRef<number | null>(null);
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const buttons = host.current?.querySelectorAll<HTMLElement>("[data-testid=hitl-remove-file]");
    const choose = host.current?.querySelector<HTMLElement>("input");
    (buttons?.[wanted.current] ?? choose)?.focus();
    wanted.current = null;
  });
  return (at) => {
    wanted.current = at;
  };
}
