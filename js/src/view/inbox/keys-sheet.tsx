/** The list of keys. */
import { Sheet } from "./sheet";
import { KEY_WORDS } from "./shortcuts";

export function KeysSheet({ onClose }: { readonly onClose: () => void }) {
  return (
    <Sheet title="Keyboard shortcuts" testId="hitl-keys" onClose={onClose}>
      <dl class="chitl-keys">
        {KEY_WORDS.map(([key, words]) => (
          <div key={key}>
            <dt>
              {key.split(" ").map((part) => (
                <kbd key={part}>{part}</kbd>
              ))}
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </Sheet>
  );
}
