/**
 * Every text that a view of ours draws passes here once, whatever part of an event it comes from.
 *
 * Browsers need minutes to lay out a letter with a hundred thousand marks on it, and nobody reads a
 * name of a megabyte; what is long for a reason comes in parts (`in-parts.tsx`). The hook is that of
 * this bundle's own Preact, so no other code on the page notices.
 */
import { Fragment, options, type VNode } from "preact";
import { DRAWN_CHARS, firstPart, tamed } from "./budget";

const before = options.vnode;

options.vnode = (vnode: VNode) => {
  if (typeof vnode.type === "string" || vnode.type === Fragment)
    tame(vnode.props as { children?: unknown });
  before?.(vnode);
};

function tame(props: { children?: unknown }): void {
  const { children } = props;
  if (typeof children === "string") props.children = drawn(children);
  else if (Array.isArray(children)) {
    props.children = children.map((child) => (typeof child === "string" ? drawn(child) : child));
  }
}

function drawn(text: string): string {
  return tamed(text.length > DRAWN_CHARS ? `${firstPart(text, DRAWN_CHARS)}…` : text);
}
