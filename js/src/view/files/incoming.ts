/** Files that are dropped on a field or its card, or pasted while the focus is in the card. */
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

type Take = (files: readonly File[]) => void;

/** Give the field the files that come; returns whether some are held over it. */
export function useIncoming(host: RefObject<HTMLElement | null>, take: Take | null): boolean {
  const [over, setOver] = useState(false);
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    const field = host.current;
    const card = field?.closest("article") ?? field;
    if (!field || !card) return;
    const left = new AbortController();
    const listen = (type: string, listener: (event: Event) => void) =>
      card.addEventListener(type, listener, { signal: left.signal });
    // A card with several fields: the one that is hit takes them, else the first.
    const isMine = (event: Event) => {
      const hit = (event.target as Element | null)?.closest?.(".chitl-files");
      return (hit ?? card.querySelector(".chitl-files")) === field;
    };
    const receive = (event: Event, data: DataTransfer | null) => {
      setOver(false);
      if (!isMine(event) || !data?.files.length) return;
      event.preventDefault(); // the browser would open it, also when the field is full
      event.stopPropagation(); // JupyterLab would put it into its folder
      latest.current?.([...data.files]);
    };
    listen("dragover", (event) => {
      const { dataTransfer } = event as DragEvent;
      if (!dataTransfer?.types.includes("Files") || !isMine(event)) return setOver(false);
      event.preventDefault();
      dataTransfer.dropEffect = latest.current === null ? "none" : "copy";
      setOver(latest.current !== null);
    });
    listen("dragleave", (event) => {
      if (!card.contains((event as DragEvent).relatedTarget as Node | null)) setOver(false);
    });
    listen("drop", (event) => receive(event, (event as DragEvent).dataTransfer));
    listen("paste", (event) => {
      const { clipboardData } = event as ClipboardEvent;
      if (!isText(event.target, clipboardData)) receive(event, clipboardData);
    });
    return () => left.abort();
  }, []);
  return over;
}

/** Whether text is pasted where text is written: spreadsheets copy a picture of it as well. */
function isText(target: EventTarget | null, data: DataTransfer | null): boolean {
  const writes = (target as Element | null)?.matches?.("textarea, input:not([type=file])");
  return writes === true && data?.types.includes("text/plain") === true;
}
