/**
 * Writes src/protocol/gen.ts from the Python types, or with --check reports whether it drifted.
 *
 * The only source is `python -m crewai_hitl_nb.protocol.export`. The output has three parts:
 * interfaces (with defaults filled in, as the guard in decode.ts returns values), the constants, and
 * the schema that the guard uses.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const target = join(root, "src", "protocol", "gen.ts");

/** Types that a client sends: their fields with a default stay optional. */
const SENT = new Set(["Answer", "PublishFrame", "AnswerFrame", "ClaimFrame", "CancelFrame"]);

/** Types that are checked where they are used, and not with the event that holds them. */
const UNGUARDED = new Set(["FileReference"]);

function python() {
  if (process.env.PYTHON) return process.env.PYTHON;
  const venv = join(root, "..", ".venv", "bin", "python");
  return existsSync(venv) ? venv : "python3";
}

function exported() {
  const text = execFileSync(python(), ["-m", "crewai_hitl_nb.protocol.export"], {
    cwd: join(root, ".."),
    encoding: "utf8",
  });
  return JSON.parse(text);
}

/**
 * Close a struct for TypeScript; in types that we read, every field is present that is required or
 * has a default.
 */
function forTypes(name, definition) {
  if (!definition.properties) return definition;
  const description = definition.description?.split("\n\n")[0];
  const given = definition.required ?? [];
  const present = Object.entries(definition.properties)
    .filter(([field, schema]) => given.includes(field) || "default" in schema)
    .map(([field]) => field);
  const required = SENT.has(name) ? given : present;
  return { ...definition, description, additionalProperties: false, required };
}

/** Output of the type generator about its unused root type. */
const NOISE =
  / \*\n \* This interface was referenced by [^/]*?(?= \*\/)|export interface Unused \{[^}]*\}\n/g;

/** The keywords that the guard needs: shapes, enums, defaults. The server enforces lengths. */
const GUARDED = [
  "type",
  "enum",
  "anyOf",
  "$ref",
  "properties",
  "required",
  "items",
  "additionalProperties",
  "default",
];

function forGuard(schema) {
  if (schema === null || typeof schema !== "object" || Array.isArray(schema)) return schema;
  const kept = Object.entries(schema).filter(([key]) => GUARDED.includes(key));
  return Object.fromEntries(kept.map(([key, value]) => [key, guardPart(key, value)]));
}

function guardPart(key, value) {
  if (key === "default" || key === "enum" || key === "required") return value;
  if (key === "anyOf") return value.map(forGuard);
  if (key === "properties") {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, forGuard(part)]));
  }
  return forGuard(value);
}

function constant([name, value]) {
  return `export const ${name} = ${JSON.stringify(value)} as const;`;
}

async function render({ schema, constants }) {
  const definitions = schema.$defs;
  const names = Object.keys(definitions).sort();
  const $defs = Object.fromEntries(names.map((name) => [name, forTypes(name, definitions[name])]));
  const types = await compile({ $defs, title: "Unused", type: "object" }, "Unused", {
    additionalProperties: true,
    bannerComment: "",
    ignoreMinAndMaxItems: true,
    unreachableDefinitions: true,
  });
  const read = names.filter((name) => !SENT.has(name) && !UNGUARDED.has(name));
  const guards = Object.fromEntries(read.map((name) => [name, forGuard(definitions[name])]));
  return [
    "// Generated from crewai_hitl_nb/protocol by `npm run generate`. Do not edit.",
    types.replace(NOISE, "").trim(),
    Object.entries(constants).map(constant).join("\n"),
    `export const DEFS = ${JSON.stringify(guards, null, 1)} as const;`,
    "",
  ].join("\n\n");
}

const text = await render(exported());
if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
  console.error("src/protocol/gen.ts has drifted from the Python types: run `npm run generate`.");
  process.exit(1);
}
