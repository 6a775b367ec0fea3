/**
 * Shows JSON as a readable tree: indented, and folded where it is long.
 *
 * Numbers are shown as they were written, not as JavaScript reads them, so that a person who approves
 * a call sees the digits that will be sent. Text is inserted only as text, never as HTML.
 */
import { tamed } from "./limits";

/** Lines of a nested object or list up to which it is shown unfolded. */
const LINES_OPEN = 12;

/** With more tokens than this, the source is shown instead of a tree. */
const MOST_TOKENS = 4000;

/** With deeper nesting the source is shown instead: nobody reads it, and recursion must end. */
const MOST_DEPTH = 40;

type Node = string | { readonly open: "{" | "["; readonly entries: readonly Entry[] };

interface Entry {
  readonly key: string | null;
  readonly value: Node;
}

const WHAT = { "{": "field", "[": "item" } as const;
const CLOSING = { "{": "}", "[": "]" } as const;

/** Return an element that shows the text, or null if it is not a JSON object or list. */
export function jsonTree(text: string, page: Document = document): HTMLElement | null {
  const tree = parse(text);
  if (tree === null) return null;
  const host = page.createElement("div");
  host.className = "chitl-json";
  host.dir = "ltr";
  host.append(...drawn(tree, "", "", true, page));
  return host;
}

/** Whether the whole text is one JSON object or list. */
export function isJson(text: string): boolean {
  const start = text.trimStart()[0];
  if (start !== "{" && start !== "[") return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function parse(text: string): Node | null {
  if (!isJson(text)) return null;
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  if (tokens.length > MOST_TOKENS) return null;
  let at = 0;
  const value = (depth: number): Node => {
    const token = tokens[at++] ?? "";
    if (token !== "{" && token !== "[") return legible(token);
    if (depth > MOST_DEPTH) throw new RangeError("too deep");
    const entries: Entry[] = [];
    while (tokens[at] !== CLOSING[token]) {
      const key = token === "{" ? legible(tokens[at++] ?? "") : null;
      if (key !== null) at++; // the colon
      entries.push({ key, value: value(depth + 1) });
      if (tokens[at] === ",") at++;
    }
    at++;
    return { open: token, entries };
  };
  try {
    return value(0);
  } catch {
    return null;
  }
}

/** Show letters as such, and characters that hide or reorder text as escapes. */
function legible(token: string): string {
  if (!token.startsWith('"')) return token;
  const numbered = (sign: string) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return tamed(JSON.stringify(JSON.parse(token)).replace(UNSEEN, numbered));
}

/** Bidirectional controls, zero-width and soft breaks (Unicode TR 36, 3.2). */
const UNSEEN = /[\u00ad\u061c\u200b\u2028-\u202e\u2060-\u2069\ufeff]/g;

function drawn(node: Node, before: string, after: string, top: boolean, page: Document) {
  if (typeof node === "string") return [line(`${before}${node}${after}`, page)];
  const end = `${CLOSING[node.open]}${after}`;
  if (node.entries.length === 0) return [line(`${before}${node.open}${end}`, page)];
  const inside = page.createElement("div");
  inside.className = "chitl-json-inside";
  node.entries.forEach(({ key, value }, at) => {
    const comma = at < node.entries.length - 1 ? "," : "";
    inside.append(...drawn(value, key === null ? "" : `${key}: `, comma, false, page));
  });
  if (top) return [line(node.open, page), inside, line(end, page)];
  const fold = page.createElement("details");
  fold.open = lines(node) <= LINES_OPEN;
  const summary = page.createElement("summary");
  const many = node.entries.length;
  const count = page.createElement("span");
  count.className = "chitl-json-count";
  count.textContent = ` … ${many} ${WHAT[node.open]}${many === 1 ? "" : "s"} ${end}`;
  summary.append(`${before}${node.open}`, count);
  fold.append(summary, inside, line(end, page));
  return [fold];
}

function line(text: string, page: Document): HTMLElement {
  const element = page.createElement("div");
  element.textContent = text;
  return element;
}

function lines(node: Node): number {
  if (typeof node === "string") return 1;
  return 2 + node.entries.reduce((sum, { value }) => sum + lines(value), 0);
}
