/** Tells screen readers about new questions, and how many are pending. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Client } from "../../client/client";
import { titleWords } from "../title";
import { asker } from "../words";

export function InboxAnnouncer({ client }: { readonly client: Client }) {
  const words = useAnnouncement(client);
  return (
    <p class="chitl-unseen" data-testid="hitl-news" role="status">
      {words}
    </p>
  );
}

function useAnnouncement(client: Client): string {
  const [words, setWords] = useState("");
  const known = useRef<ReadonlySet<string> | null>(null);
  useEffect(() => {
    const look = () => {
      if (client.connection.phase !== "live" && known.current === null) return;
      const pending = client.all().filter(({ status }) => status === "pending");
      const before = known.current;
      known.current = new Set(pending.map(({ required }) => required.request_id));
      if (before === null) return;
      const fresh = pending.filter(({ required }) => !before.has(required.request_id)).at(-1);
      if (fresh !== undefined) {
        const { required } = fresh;
        const title = ended(titleWords(required));
        setWords(`New question from ${asker(required)}: ${title} ${waiting(pending.length)}`);
      } else if (known.current.size < before.size) {
        setWords(waiting(pending.length));
      }
    };
    look();
    return client.subscribe(look);
  }, [client]);
  return words;
}

/** Return a text that ends as a sentence does, so that it is not read as one with the next. */
function ended(text: string): string {
  return /[.!?…。！？]$/u.test(text) ? text : `${text}.`;
}

function waiting(count: number): string {
  if (count === 0) return "No requests waiting.";
  return count === 1 ? "1 request waiting." : `${count} requests waiting.`;
}
