/** One entry of a field for files: its name, how its upload is going, and what is wrong with it. */
import type { FieldError } from "../../protocol/decode";
import { isFile } from "../../protocol/files";
import { Messages } from "../form/parts/row";
import type { Entry } from "./entries";
import { FileRow } from "./row";
import type { UploadState, Uploads } from "./uploads";

interface Props {
  /** The id of its messages. */
  readonly id: string;
  readonly entry: Entry;
  readonly uploads: Uploads;
  readonly errors: readonly FieldError[];
  readonly disabled: boolean;
  readonly onRemove: () => void;
}

/** The state of an upload that another page began, or this one before it was reloaded. */
const LOST: UploadState = {
  kind: "failed",
  message: "was not uploaded before the page was left; choose it again",
};

export function FileItem({ id, entry, uploads, errors, disabled, onRemove }: Props) {
  const { name } = entry;
  const upload = isFile(entry) ? null : entry.id;
  const state = upload === null ? null : (uploads.state(upload) ?? LOST);
  const size = isFile(entry) ? entry.size : uploads.size(entry.id);
  const wrong =
    state?.kind === "failed" ? [...errors, { field: "", message: state.message }] : errors;
  const again = upload !== null && state?.kind === "failed" && state !== LOST;
  return (
    <div class="chitl-file-item" data-testid="hitl-file-item">
      <FileRow name={name} mediaType={isFile(entry) ? entry.media_type : ""} size={size}>
        {state !== null && <Progress name={name} state={state} />}
        {again && (
          <button
            type="button"
            class="chitl-button chitl-small"
            aria-label={`Try again: ${name}`}
            disabled={disabled}
            onClick={() => uploads.again(upload)}
          >
            Try again
          </button>
        )}
        <button
          type="button"
          class="chitl-button chitl-small"
          data-testid="hitl-remove-file"
          aria-label={`Remove ${name}`}
          aria-describedby={wrong.length > 0 ? id : undefined}
          disabled={disabled}
          onClick={onRemove}
        >
          Remove
        </button>
      </FileRow>
      <Messages id={id} errors={wrong} />
    </div>
  );
}

function Progress({ name, state }: { readonly name: string; readonly state: UploadState }) {
  switch (state.kind) {
    case "waiting":
      return <span class="chitl-note">Waits to be uploaded…</span>;
    case "sending":
      return <progress max={1} value={state.part} aria-label={`Uploading ${name}`} />;
    case "sent":
    case "failed":
      return null;
  }
}
