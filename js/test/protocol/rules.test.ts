/** Which rules a card offers: the same as the server takes. */
import { describe, expect, it } from "vitest";
import { ruleScopes } from "../../src/protocol/rules";
import { goldenRules, requestEvents } from "./golden";

describe("a question", () => {
  it.each(goldenRules)("$name offers these rules", ({ question, scopes }) => {
    const [required] = requestEvents([question]);
    if (required?.type !== "human_input_required") throw new Error("not a question");
    expect(ruleScopes(required)).toEqual(scopes);
  });
});
