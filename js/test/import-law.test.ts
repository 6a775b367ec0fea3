/**
 * The import law of `biome.json` bites: rooms import one another in one direction, and no file
 * imports itself by a detour. Each forbidden import is written into a copy of the sources.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const JS = fileURLToPath(new URL("..", import.meta.url));
const copy = mkdtempSync(join(tmpdir(), "crewai-hitl-law-"));

/** Which room must not know which file, as it would write the import. */
const FORBIDDEN = [
  ["protocol", "../client/http"],
  ["client", "../inbox/filters"],
  ["client/transports", "../../view/words"],
  ["inbox", "../view/words"],
  ["inbox", "../lab/status"],
  ["view", "./card/card"],
  ["view/text", "../words"],
  ["view/table", "../form/form"],
  ["view/form", "../card/answer-record"],
  ["view/form", "../files/field"],
  ["view/files", "../card/answer-record"],
  ["view/card", "../inbox/inbox"],
  ["view/run", "../inbox/inbox"],
  ["view/inbox", "../run/run"],
  ["view/bundle", "../../lab/renderer"],
  ["lab", "../entries/maths"],
  ["entries", "../lab/status"],
] as const;

const CIRCLE = {
  "src/client/one.ts": 'import type { Two } from "./two";\nexport type One = Two | 1;\n',
  "src/client/two.ts": 'import type { One } from "./one";\nexport type Two = One | 2;\n',
};

let broken: readonly { readonly path: string; readonly rule: string }[] = [];

beforeAll(() => {
  for (const part of ["src", "biome.json"])
    cpSync(join(JS, part), join(copy, part), { recursive: true });
  FORBIDDEN.forEach(([room, target], number) => {
    writeFileSync(join(copy, fileOf(room, number)), `import "${target}";\n`);
  });
  for (const [path, text] of Object.entries(CIRCLE)) writeFileSync(join(copy, path), text);
  const biome = join(JS, "node_modules", ".bin", "biome");
  const options = ["lint", "--reporter=json", "--max-diagnostics=none", "."];
  const { stdout } = spawnSync(biome, options, { cwd: copy, encoding: "utf8" });
  broken = JSON.parse(stdout).diagnostics.flatMap(read);
}, 60_000);

afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe("the import law", () => {
  it.each(FORBIDDEN.map((law, number) => [...law, number] as const))(
    "keeps %s from importing %s",
    (room, _, number) => {
      expect(broken).toContainEqual({
        path: fileOf(room, number),
        rule: "lint/style/noRestrictedImports",
      });
    },
  );

  it("keeps files from importing one another in a circle, also for types", () => {
    for (const path of Object.keys(CIRCLE))
      expect(broken).toContainEqual({ path, rule: "lint/suspicious/noImportCycles" });
  });

  it("finds nothing else in the sources as they are", () => {
    const added = [
      ...FORBIDDEN.map(([room], number) => fileOf(room, number)),
      ...Object.keys(CIRCLE),
    ];
    const laws = ["lint/style/noRestrictedImports", "lint/suspicious/noImportCycles"];
    const others = broken.filter(({ path, rule }) => laws.includes(rule) && !added.includes(path));
    expect(others).toEqual([]);
  });
});

function fileOf(room: string, number: number): string {
  return `src/${room}/forbidden-${number}.ts`;
}

function read(diagnostic: {
  readonly category: string;
  readonly location: { readonly path: string | { readonly file: string } | null };
}) {
  const { path } = diagnostic.location;
  if (path === null) return [];
  const file = typeof path === "string" ? path : path.file;
  return [{ path: file.replace(/^\.\//, ""), rule: diagnostic.category }];
}
