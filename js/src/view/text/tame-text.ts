/**
 * Bounds every text that our views draw, whatever part of an event it comes from.
 *
 * Browsers need minutes to lay out a letter with a hundred thousand marks on it, and nobody reads a
 * name of a megabyte; a text that is long for a reason is drawn in parts (`show-more.tsx`). The hook
 * is that of this bundle's own Preact, so other code on the page is not affected.
 */
import { Fragment, options, type VNode } from "preact";
import { DRAWN_CHARS, firstPart, tamed } from "./limits";

const before = options.vnode;

options.vnode = (vnode: VNode) => {
  // Preact makes a Fragment of an array of children, so nested texts pass here as well.
  if (typeof vnode.type === "string" || vnode.type === Fragment) {
    tameChildren(vnode.props as { children?: unknown });
  }
  before?.(vnode);
};

function tameChildren(props: { children?: unknown }): void {
  const { children } = props;
  if (typeof children === "string") props.children = bounded(children);
  else if (Array.isArray(children)) {
    props.children = children.map((child) => (typeof child === "string" ? bounded(child) : child));
  }
}

function bounded(text: string): string {
  return tamed(text.length > DRAWN_CHARS ? `${firstPart(text, DRAWN_CHARS)}…` : text);
}
