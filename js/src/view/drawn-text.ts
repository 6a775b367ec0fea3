/**
 * Every text that a view of ours draws passes here once, whatever part of an event it comes from.
 *
 * Browsers need minutes to lay out a letter with a hundred thousand marks on it. The hook is that
 * of this bundle's own Preact, so no other code on the page notices.
 */
import { Fragment, options, type VNode } from "preact";
import { tamed } from "./budget";

const before = options.vnode;

options.vnode = (vnode: VNode) => {
  if (typeof vnode.type === "string" || vnode.type === Fragment)
    tame(vnode.props as { children?: unknown });
  before?.(vnode);
};

function tame(props: { children?: unknown }): void {
  const { children } = props;
  if (typeof children === "string") props.children = tamed(children);
  else if (Array.isArray(children)) {
    props.children = children.map((child) => (typeof child === "string" ? tamed(child) : child));
  }
}
