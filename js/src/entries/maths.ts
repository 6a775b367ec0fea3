/**
 * Entry of the file that draws formulas: TeX to MathML, which browsers draw themselves.
 *
 * It is fetched by `view/maths.ts` from the server's own static path, only when it is needed.
 * TeX from a crew is not trusted: commands that link, name or style are off, what a formula may
 * grow to is bounded, and what comes out is sanitised before anybody shows it.
 */
import createPurifier from "dompurify";
import temml from "temml";
import { FORMULA_CHARS, FORMULA_DEPTH, isModest } from "../view/text/limits";

/** In ems: a formula stands in a card, and must not stand over it. */
const MOST_EMS = 20;
const MOST_MACROS = 200;

/** Return a formula to show, or null when the source is no TeX. */
export function drawn(tex: string, block: boolean): DocumentFragment | null {
  if (tex.length > FORMULA_CHARS) return null;
  try {
    const mathml = temml.renderToString(tex, {
      displayMode: block,
      throwOnError: true,
      trust: false,
      maxSize: [MOST_EMS, MOST_EMS],
      maxExpand: MOST_MACROS,
    });
    return isModest(mathml, FORMULA_CHARS, FORMULA_DEPTH) ? safe(mathml) : null;
  } catch {
    return null; // whatever a crew has written there, its source can be read
  }
}

/** Nothing in a formula links, has a name of its own, or comes from elsewhere. */
function safe(mathml: string): DocumentFragment {
  return createPurifier(window).sanitize(mathml, {
    USE_PROFILES: { mathMl: true },
    FORBID_ATTR: ["href", "xlink:href", "id"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}
