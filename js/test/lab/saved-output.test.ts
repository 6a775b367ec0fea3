import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { savedOutput } from "../../src/lab/saved-output";
import { decodeClosing, decodeRequired } from "../../src/protocol/decode";

interface Golden {
  readonly name: string;
  readonly required: Readonly<Record<string, unknown>>;
  readonly closing: unknown;
  readonly saved: Readonly<Record<string, string>>;
}

const path = new URL("../../../tests/fixtures/saved_outputs.json", import.meta.url);
const goldens = JSON.parse(readFileSync(path, "utf8")) as readonly Golden[];

function asked(raw: unknown) {
  const required = decodeRequired(raw);
  if (required === null) throw new Error("not a question");
  return required;
}

describe("a question in a saved notebook", () => {
  it.each(goldens)("shows $name as the kernel would", ({ required, closing, saved }) => {
    const end = closing === null ? null : decodeClosing(closing);
    expect(savedOutput(asked(required), end)).toEqual(saved);
  });

  it("bounds a long text without splitting a letter", () => {
    const [first] = goldens;
    const required = asked({ ...first?.required, prompt: "🦊".repeat(20_001) });
    const { "text/plain": text = "" } = savedOutput(required, null);
    expect(text.startsWith(`${"🦊".repeat(20_000)}\n… (cut here)\n`)).toBe(true);
  });
});
