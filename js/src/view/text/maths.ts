/**
 * Formulas in a crew's Markdown: `$x$`, `\(x\)`, `$$x$$` and `\[x\]`.
 *
 * This module only finds them. A separate file draws them (`src/entries/maths.ts`), fetched from the
 * same server only when a text has a formula; until then, and where that file is out of reach, the
 * TeX source is shown as code.
 */
import type { TokenizerAndRendererExtension } from "marked";
import { importBuilt } from "./built-file";
import { FORMULA_ELEMENTS, FORMULAS } from "./limits";

/** The mark on a formula's source: `inline` or `block` (`safe-tree.ts` lets it through). */
const MATHS = "data-maths";

/** What `src/entries/maths.ts` offers. */
interface Renderer {
  drawn(tex: string, block: boolean): DocumentFragment | null;
}

const FILE = "maths.js";

/** Drawing yields to the page after this long. */
const SLICE_MS = 12;

/**
 * At most `FORMULA_CHARS` long. Pandoc's rule, so that "$5 and $10" is not a formula: no space just
 * inside the dollar signs, and no word character after them.
 */
const INLINE =
  /^(?:\$(?![\s$])((?:\\[\s\S]|[^\\$\n`]){0,2000}?[^\s\\$`])\$(?!\w)|\\\(([\s\S]{1,2000}?)\\\))/;
const BLOCK = /^(?:\$\$([\s\S]{1,2000}?)\$\$|\\\[([\s\S]{1,2000}?)\\\])/;

export const mathsExtensions: TokenizerAndRendererExtension[] = [
  extension("block", "mathsBlock", BLOCK),
  extension("inline", "mathsInBlock", BLOCK),
  extension("inline", "mathsInLine", INLINE),
];

export async function drawMaths(
  host: HTMLElement,
  load: () => Promise<Renderer | null> = () => importBuilt(FILE),
): Promise<void> {
  const sources = [...host.querySelectorAll<HTMLElement>(`[${MATHS}]`)];
  if (sources.length === 0) return;
  const renderer = await load();
  if (renderer === null) return;
  let left = FORMULA_ELEMENTS;
  let pausedAt = performance.now();
  for (const source of sources.slice(0, FORMULAS)) {
    if (performance.now() - pausedAt > SLICE_MS) {
      await new Promise((resume) => setTimeout(resume));
      pausedAt = performance.now();
    }
    const block = source.getAttribute(MATHS) === "block";
    const formula = renderer.drawn(source.textContent ?? "", block);
    if (formula === null) continue; // TeX that cannot be drawn: the source stays
    left -= formula.querySelectorAll("*").length;
    if (left < 0) return;
    const place = source.ownerDocument.createElement("span");
    place.className = `chitl-maths-${block ? "block" : "inline"}`;
    place.append(formula);
    source.replaceWith(place);
  }
}

function extension(
  level: "block" | "inline",
  name: string,
  rule: RegExp,
): TokenizerAndRendererExtension {
  return {
    name,
    level,
    start: (text) => (level === "block" ? atLineStart(text) : text.search(/\$|\\[([]/)),
    tokenizer: (text) => {
      const match = rule.exec(text);
      const tex = match?.[1] ?? match?.[2];
      return tex === undefined
        ? undefined
        : { type: name, raw: match?.[0] ?? "", text: tex.trim() };
    },
    renderer: ({ text }) => {
      const kind = rule === BLOCK ? "block" : "inline";
      const source = `<code ${MATHS}="${kind}">${escaped(String(text))}</code>`;
      return level === "block" ? `<p>${source}</p>` : source;
    },
  };
}

/** A paragraph ends only where a formula begins a line. */
function atLineStart(text: string): number {
  const end = text.search(/\n(?:\$\$|\\\[)/);
  return end < 0 ? end : end + 1;
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
