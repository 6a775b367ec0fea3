/** The dialog with the keyboard shortcuts. */
import { Dialog } from "./dialog";
import { KEY_WORDS } from "./shortcuts";

export function ShortcutsDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" testId="hitl-keys" onClose={onClose}>
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
    </Dialog>
  );
}
