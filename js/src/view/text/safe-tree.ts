/**
 * Builds safe elements from a crew's HTML.
 *
 * The HTML is not cleaned: it is parsed into a document without a window, where nothing runs or
 * loads, and only the elements listed below are built again from it. The result is never serialised,
 * so no parser can read it differently (mutation XSS). Named form fields can shadow an element's
 * properties ("DOM clobbering"); here that can only misplace text.
 */
import { taming } from "./limits";

/** The allowed elements, with their allowed attributes. */
const KEPT: ReadonlyMap<string, readonly string[]> = new Map([
  ...names("a", ["href", "title"]),
  ...names("th td", ["align"]),
  ...names("ol", ["start"]),
  ...names("code", ["data-maths"]),
  ...names("blockquote br del em h1 h2 h3 h4 h5 h6 hr li p pre strong sub sup", []),
  ...names("table tbody thead tr ul", []),
]);

/** Elements that are dropped with their content; of all others the text is kept. */
const DROPPED = new Set(
  "audio iframe noembed noframes noscript object plaintext script select style template textarea title video xmp".split(
    " ",
  ),
);

const XHTML = "http://www.w3.org/1999/xhtml";

/** Marks a place for an attachment of the question (`attachments.ts`); it is not a link. */
const ATTACHMENT = /^attachment:/i;

/** The allowed targets of links. */
const LINKS = /^(?:https?|mailto):/i;

/** Return the safe part of the HTML; links open in a new tab without access to this page. */
export function safeTree(html: string, page: Document = document): DocumentFragment {
  const inert = new DOMParser().parseFromString(html, "text/html");
  const result = page.createDocumentFragment();
  const places = new Map<unknown, Node>([[inert.body, result]]);
  const tame = taming(); // an entity may decode to what needs taming
  const walker = inert.createTreeWalker(inert.body, ELEMENTS | TEXTS, filter);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const place = places.get(node.parentNode) ?? result;
    if (node.nodeType === TEXT) place.appendChild(page.createTextNode(tame(node.nodeValue ?? "")));
    else places.set(node, built(node as Element, place, page));
  }
  return result;
}

/** Build the element and return where its children go: into it, or into its parent. */
function built(source: Element, place: Node, page: Document): Node {
  const attributes = KEPT.get(source.localName);
  if (attributes === undefined) return place;
  const element = page.createElement(source.localName);
  const href = source.getAttribute("href") ?? "";
  if (source.localName === "a" && ATTACHMENT.test(href)) {
    const mark = page.createElement("span");
    mark.setAttribute("data-attachment", href.replace(ATTACHMENT, ""));
    return place.appendChild(mark);
  }
  for (const name of attributes) {
    const value = source.getAttribute(name);
    if (value === null || (name === "href" && !LINKS.test(value))) continue;
    element.setAttribute(name, value);
  }
  if (source.localName === "a") {
    element.setAttribute("target", "_blank");
    element.setAttribute("rel", "noopener noreferrer");
  }
  return place.appendChild(element);
}

// NodeFilter's and Node's own numbers (DOM standard, 6.3 and 4.4).
const [ELEMENTS, TEXTS, ACCEPT, REJECT, TEXT] = [1, 4, 1, 2, 3] as const;

function filter(node: Node): number {
  if (node.nodeType === TEXT) return ACCEPT;
  const { namespaceURI, localName } = node as Element;
  return namespaceURI === XHTML && !DROPPED.has(localName) ? ACCEPT : REJECT;
}

function names(tags: string, attributes: readonly string[]): [string, readonly string[]][] {
  return tags.split(" ").map((tag) => [tag, attributes]);
}
