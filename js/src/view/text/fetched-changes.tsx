/** `changes-on-demand.tsx` in the card's one file, which has no room for what compares two texts. */
import type { ComponentProps } from "preact";
import { After } from "./after";
import type * as changes from "./changes";
import { Drawn } from "./drawn";

type Props = ComponentProps<typeof changes.Changes>;

/** What `entries/changes.tsx` offers. */
interface ChangesScript {
  draw(host: HTMLElement, props: Props & { readonly summary?: string }): void;
  remove(host: HTMLElement): void;
}

const FILE = "changes.js";

export function Changes(props: Props) {
  return (
    <Drawn<ChangesScript> file={FILE} draw={(script, host) => script.draw(host, props)}>
      <After {...props} />
    </Drawn>
  );
}

export function FoldedChanges(props: ComponentProps<typeof changes.FoldedChanges>) {
  return (
    <Drawn<ChangesScript> file={FILE} draw={(script, host) => script.draw(host, props)}>
      {null}
    </Drawn>
  );
}
