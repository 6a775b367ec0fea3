/**
 * Makes an element of an attached image, or says why it is left out.
 *
 * The data comes from anybody who may publish. An image element runs no script and loads nothing
 * else, also of an SVG; but a small file may need gigabytes to draw. So the size is read from the
 * file itself, whatever it claims to be, and an SVG may only have elements of a plain drawing.
 */
import { isObject } from "../../protocol/decode";

/** Pixels of one image: a browser needs four bytes for each. */
const MOST_PIXELS = 16_000_000;

/** Elements of an SVG, including those that it repeats by `use`. */
const MOST_ELEMENTS = 20_000;

const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const SVG = "image/svg+xml";

const PLAIN = new Set(
  "a circle clipPath defs desc ellipse g line linearGradient metadata path polygon polyline radialGradient rect stop style svg symbol text title tspan use".split(
    " ",
  ),
);

/** What may take long, or moves. External files are never loaded by an image. */
const COSTLY = /filter|animation|@import|@font-face|<!ENTITY/i;

/** Whether the bundle has data that is meant to be an image. */
export function hasImage(bundle: object): boolean {
  return Object.keys(bundle).some((type) => type === SVG || TYPES.includes(type));
}

/** Return an image element, or in words why there is none. */
export function imageOf(bundle: unknown, alt: string, page: Document): HTMLImageElement | string {
  const found = isObject(bundle) ? source(bundle, page) : "it has no data";
  if (typeof found === "string") return found;
  const image = page.createElement("img");
  image.className = "chitl-image";
  image.alt = alt;
  image.decoding = "async";
  if (found.width > 0) image.setAttribute("width", String(found.width));
  if (found.height > 0) image.setAttribute("height", String(found.height));
  image.src = found.url;
  return image;
}

interface Source {
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

function source(bundle: Record<string, unknown>, page: Document): Source | string {
  for (const type of TYPES) {
    const data = bundle[type];
    if (typeof data === "string") return ofPixels(data.replace(/\s+/g, ""));
  }
  const drawing = bundle[SVG];
  return typeof drawing === "string" ? ofDrawing(drawing, page) : "it has no data";
}

function ofPixels(encoded: string): Source | string {
  let data: string;
  try {
    data = atob(encoded);
  } catch {
    return "its data is damaged";
  }
  const size = sizeOf(data);
  if (size === null) return "it is not PNG, JPEG, GIF or WebP";
  const [type, width, height] = size;
  if (width * height > MOST_PIXELS) return `it has ${width} × ${height} pixels`;
  return { url: `data:${type};base64,${encoded}`, width, height };
}

/** Return the type, the width and the height that the file itself states. */
function sizeOf(data: string): readonly [string, number, number] | null {
  const at = (place: number) => data.charCodeAt(place) || 0;
  const large = (place: number) => at(place) * 256 + at(place + 1);
  const little = (place: number) => at(place + 1) * 256 + at(place);
  if (data.startsWith("\x89PNG\r\n\x1a\n")) {
    return ["image/png", large(16) * 65_536 + large(18), large(20) * 65_536 + large(22)];
  }
  if (data.startsWith("GIF8")) return ["image/gif", little(6), little(8)];
  if (data.startsWith("RIFF") && data.startsWith("WEBPVP8", 8)) {
    const form = data[15];
    const part = (place: number) => little(place) + at(place + 2) * 65_536 + 1;
    if (form === "X") return ["image/webp", part(24), part(27)];
    const bits = little(21) + little(23) * 65_536;
    if (form === "L") return ["image/webp", (bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
    return ["image/webp", little(26) & 0x3fff, little(28) & 0x3fff];
  }
  if (!data.startsWith("\xff\xd8")) return null;
  for (let place = 2; at(place) === 0xff; place += 2 + large(place + 2)) {
    const mark = at(place + 1);
    // SOF0 to SOF15, without DHT, JPG and DAC (ITU T.81, table B.1).
    if (mark >= 0xc0 && mark <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(mark)) {
      return ["image/jpeg", large(place + 7), large(place + 5)];
    }
  }
  return null;
}

function ofDrawing(text: string, page: Document): Source | string {
  if (COSTLY.test(text)) return "its drawing has more than plain shapes";
  const view = page.defaultView;
  const root = view && new view.DOMParser().parseFromString(text, SVG).documentElement;
  if (root?.localName !== "svg") return "it is not SVG";
  for (const data of root.querySelectorAll("metadata")) data.remove();
  const all = [root, ...root.querySelectorAll("*")];
  const odd = all.find((one) => !PLAIN.has(one.localName));
  if (odd) return `its drawing has the element ${odd.localName}`;
  const byId = new Map(all.map((one) => [one.id, one]));
  let count = all.length;
  for (const use of all) {
    if (count > MOST_ELEMENTS) return `its drawing has more than ${MOST_ELEMENTS} elements`;
    if (use.localName !== "use") continue;
    const href = use.getAttribute("href") ?? use.getAttribute("xlink:href") ?? "";
    const target = byId.get(href.slice(1));
    if (target === undefined) continue;
    // What is repeated must not repeat others: a few lines of that take an eternity to draw.
    if (target.localName === "use" || target.querySelector("use")) {
      return "its drawing repeats itself";
    }
    count += target.querySelectorAll("*").length + 1;
  }
  return { url: `data:${SVG},${encodeURIComponent(text)}`, width: 0, height: 0 };
}
