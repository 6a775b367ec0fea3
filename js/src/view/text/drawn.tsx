/** A part of a card that a script of its own draws, which is fetched when the part is shown. */
import type { ComponentChild } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { importBuilt } from "./built-file";

interface Props<S> {
  /** The script's file. */
  readonly file: string;
  readonly draw: (script: S, host: HTMLElement) => void;
  /** What is shown without the script. */
  readonly children: ComponentChild;
  /** What is shown until the script is there. */
  readonly meanwhile?: ComponentChild;
}

export function Drawn<S extends { remove(host: HTMLElement): void }>(props: Props<S>) {
  const { file, draw, children, meanwhile } = props;
  const [script, setScript] = useState<S | null>();
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let left = false;
    void importBuilt<S>(file).then((loaded) => {
      if (!left) setScript(loaded);
    });
    return () => {
      left = true;
    };
  }, []);
  useLayoutEffect(() => {
    if (script && host.current !== null) draw(script, host.current);
  });
  useEffect(() => {
    const drawn = host.current;
    return () => {
      if (drawn !== null) script?.remove(drawn);
    };
  }, [script]);
  if (script) return <div ref={host} />;
  return <>{script === null ? children : meanwhile}</>;
}
