/**
 * A field with parts or rows, drawn by a script that only such a form needs (`entries/form.tsx`).
 *
 * Where the script is out of reach (VS Code, Colab), the value is written as JSON.
 */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { importBuilt } from "../text/built-file";
import type { FieldProps } from "./controls";

/** What `entries/form.tsx` offers. */
interface FormScript {
  draw(host: HTMLElement, props: FieldProps): void;
  remove(host: HTMLElement): void;
}

const FILE = "form.js";

export function PartsOnDemand(props: FieldProps) {
  const [script, setScript] = useState<FormScript | null>();
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let left = false;
    void importBuilt<FormScript>(FILE).then((loaded) => {
      if (!left) setScript(loaded);
    });
    return () => {
      left = true;
    };
  }, []);
  useLayoutEffect(() => {
    if (host.current !== null) script?.draw(host.current, props);
  });
  useEffect(() => {
    const drawn = host.current;
    return () => {
      if (drawn !== null) script?.remove(drawn);
    };
  }, [script]);
  if (script !== null) return <div ref={host} />;
  return <AsJson {...props} />;
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
