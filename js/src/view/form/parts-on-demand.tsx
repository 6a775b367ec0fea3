/**
 * A field with parts or rows, or for files, drawn by a script that only such a form needs
 * (`entries/form.tsx`, `entries/files.tsx`).
 *
 * Where the script is out of reach (VS Code, Colab), the value is written as JSON; files can then
 * only be sent from elsewhere.
 */
import { Drawn } from "../text/drawn";
import { FILES_SCRIPT, NO_FILES } from "../text/files";
import type { FieldProps } from "./controls";
import { holdsFiles } from "./fields";

/** What both scripts offer. */
interface FieldScript {
  draw(host: HTMLElement, props: FieldProps): void;
  remove(host: HTMLElement): void;
}

const FILE = "form.js";

export function PartsOnDemand(props: FieldProps) {
  const files = holdsFiles(props.field.property);
  return (
    <Drawn<FieldScript>
      file={files ? FILES_SCRIPT : FILE}
      draw={(script, host) => script.draw(host, props)}
    >
      {files ? <p class="chitl-note">{NO_FILES}</p> : <AsJson {...props} />}
    </Drawn>
  );
}

function AsJson({ id, field, input, errors, disabled, first, onInput }: FieldProps) {
  const within = errors.filter(({ field: path }) => path !== "");
  return (
    <>
      <textarea
        class="chitl-text"
        aria-label={`${field.label} (JSON)`}
        aria-invalid={errors.length > 0 || undefined}
        aria-keyshortcuts={first ? "r" : undefined}
        rows={3}
        value={String(input)}
        readOnly={disabled || field.fixed}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <p class="chitl-hint">Written as JSON</p>
      {within.length > 0 && (
        <p class="chitl-wrong" id={`${id}-within`}>
          {within.map(({ field: path, message }) => `${path}: ${message}`).join("; ")}
        </p>
      )}
    </>
  );
}
