/**
 * Entry of the script that draws formulas: it converts TeX to MathML, which browsers draw.
 *
 * `view/text/maths.ts` fetches it from the server's static path when it is needed. TeX from a crew is
 * not trusted: commands that link, name or style are off, the size of a formula is bounded, and the
 * result is sanitised before it is shown.
 */
import createPurifier from "dompurify";
import temml from "temml";
import { FORMULA_CHARS, FORMULA_DEPTH, isModest } from "../view/text/limits";

/** In ems: a formula must not cover more than its card. */
const MOST_EMS = 20;
const MOST_MACROS = 200;

/** Return a formula to show, or null if the source is not valid TeX. */
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
    return null; // the source is shown instead
  }
}

/** Sanitise MathML: no links, no ids, nothing from other origins. */
function safe(mathml: string): DocumentFragment {
  return createPurifier(window).sanitize(mathml, {
    USE_PROFILES: { mathMl: true },
    FORBID_ATTR: ["href", "xlink:href", "id"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}
