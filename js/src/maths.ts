/**
 * Entry of the file that draws formulas: TeX to MathML, which browsers draw themselves.
 *
 * It is fetched by `view/maths.ts` from the server's own static path, only when it is needed.
 * TeX from a crew is not trusted: commands that link, name or style are off, what a formula may
 * grow to is bounded, and whoever calls this sanitises what comes out.
 */
import temml from "temml";

/** In ems: a formula stands in a card, and must not stand over it. */
const MOST_EMS = 20;
const MOST_MACROS = 200;

/** Return the MathML of a formula; empty when the source is no TeX. */
export function toMathML(tex: string, block: boolean): string {
  try {
    return temml.renderToString(tex, {
      displayMode: block,
      throwOnError: true,
      trust: false,
      maxSize: [MOST_EMS, MOST_EMS],
      maxExpand: MOST_MACROS,
    });
  } catch {
    return ""; // whatever a crew has written there, its source can be read
  }
}
