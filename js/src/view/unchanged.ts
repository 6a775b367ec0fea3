/**
 * Draws a component of a long list again only when one of its properties changes.
 *
 * A list must not keep the nodes that it has drawn and return them again: each knows its parent, so
 * it would keep alive everything that was on the page when it was made.
 */
import { Component, type ComponentChildren, createElement } from "preact";

export function onlyIfChanged<P extends object>(View: (props: P) => ComponentChildren) {
  return class extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return (Object.keys(next) as (keyof P)[]).some((name) => next[name] !== this.props[name]);
    }

    override render(props: P) {
      return createElement(View, props);
    }
  };
}
