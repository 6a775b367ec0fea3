/**
 * Builds the front end; the outputs are git-ignored and shipped in the wheel.
 *
 *   src/entries/widget.ts  → crewai_hitl_nb/widget/static/card.js          the anywidget
 *   src/entries/card-loader.ts → the same folder                          the small script in each widget
 *   src/entries/inbox.ts   → crewai_hitl_nb/server/page/static/inbox.{js,css}   the inbox page
 *   src/entries/service-worker.ts, icons/ → the same                       make it installable
 *   src/entries/markdown-worker.ts → the same: formats Markdown in a worker
 *   src/entries/maths.ts   → the same: draws formulas, fetched on demand
 *   src/entries/table.tsx  → the same: draws data frames, fetched on demand
 *   src/lab/*.ts   → crewai_hitl_nb/labextension/                  the prebuilt lab extension
 *
 * JupyterLab's own builder builds the lab extension, run directly with the core metadata from npm:
 * `jupyter-builder` is only a Python wrapper that looks for the same two files. esbuild leaves its
 * packages external, so that the builder's licence report lists them.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const product = join(root, "..", "crewai_hitl_nb");
const resolve = createRequire(import.meta.url).resolve;

/** The limit in docs/frontend.md, so that a card loads fast. */
const CARD_LIMIT_KB = 68;

/** Bundles imported style sheets into the script as text. */
const cssAsText = {
  name: "css-as-text",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { outputFiles } = await build({
        bundle: true,
        charset: "utf8",
        entryPoints: [path],
        minify: true,
        write: false,
      });
      return { contents: outputFiles[0].text, loader: "text" };
    });
  },
};

const shared = {
  absWorkingDir: root,
  bundle: true,
  charset: "utf8",
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
  plugins: [cssAsText],
  target: "es2022",
};

async function buildPages() {
  const card = join(product, "widget", "static", "card.js");
  const inbox = join(product, "server", "page", "static");
  await build({ ...shared, entryPoints: ["src/entries/maths.ts"], outdir: inbox, minify: true });
  await build({ ...shared, entryPoints: ["src/entries/table.tsx"], outdir: inbox, minify: true });
  await build({
    ...shared,
    entryPoints: ["src/entries/markdown-worker.ts"],
    outdir: inbox,
    minify: true,
  });
  await build({ ...shared, entryPoints: ["src/entries/widget.ts"], outfile: card, minify: true });
  await build({
    ...shared,
    entryPoints: ["src/entries/card-loader.ts"],
    outdir: dirname(card),
    minify: true,
  });
  await build({ ...shared, entryPoints: ["src/entries/inbox.ts"], outdir: inbox, minify: true });
  await build({
    ...shared,
    entryPoints: ["src/entries/inbox.css"],
    plugins: [],
    minify: true,
    outdir: inbox,
  });
  await build({
    ...shared,
    entryPoints: ["src/entries/service-worker.ts"],
    format: "iife",
    minify: true,
    outdir: inbox,
  });
  cpSync(join(root, "icons"), inbox, { recursive: true });
  for (const script of [card, join(inbox, "inbox.js")]) await compress(script);
  const size = report(card);
  report(join(inbox, "inbox.js"));
  report(join(inbox, "inbox.css"));
  report(join(inbox, "maths.js"));
  report(join(inbox, "table.js"));
  if (size > CARD_LIMIT_KB) throw new Error(`card.js is over ${CARD_LIMIT_KB} kB gzipped`);
}

async function buildLab() {
  rmSync(join(root, "lib"), { recursive: true, force: true });
  await build({
    ...shared,
    entryPoints: ["src/lab/index.ts", "src/lab/renderer.ts"],
    outdir: "lib/lab",
    packages: "external",
    splitting: true,
  });
  rmSync(join(product, "labextension"), { recursive: true, force: true });
  const builder = join(dirname(resolve("@jupyter/builder")), "build-labextension.js");
  const core = resolve("@jupyterlab/core-meta/core.package.json");
  execFileSync(process.execPath, [builder, "--core-package-file", core, root], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  copyFileSync(join(root, "install.json"), join(product, "labextension", "install.json"));
  writeVersion(join(product, "labextension", "package.json"));
}

/** The version has one source, the Python package; js/package.json has a placeholder. */
function writeVersion(file) {
  const source = readFileSync(join(product, "__init__.py"), "utf8");
  const version = /^__version__ = "(.+)"$/m.exec(source)?.[1];
  if (version === undefined) throw new Error("crewai_hitl_nb/__init__.py says no version");
  const described = { ...JSON.parse(readFileSync(file, "utf8")), version };
  writeFileSync(file, `${JSON.stringify(described, null, 2)}\n`);
}

/** Minifies a script again with terser, which saves about 4 % more than esbuild. */
async function compress(file) {
  const options = { module: true, compress: { passes: 3 }, ecma: 2020 };
  const { code } = await minify(readFileSync(file, "utf8"), options);
  writeFileSync(file, code);
}

function report(file) {
  const size = gzipSync(readFileSync(file), { level: 9 }).length / 1000;
  console.log(`${relative(dirname(product), file)}: ${size.toFixed(1)} kB gzipped`);
  return size;
}

await buildPages();
await buildLab();
console.log(`${relative(dirname(product), join(product, "labextension"))}: built`);
