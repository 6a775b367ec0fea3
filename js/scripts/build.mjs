/**
 * Builds the front end; the outputs are git-ignored and shipped in the wheel.
 *
 *   src/entries/widget.ts  → crewai_hitl_nb/widget/static/card.js          the anywidget
 *   src/entries/card-loader.ts → the same folder                          the small script in each widget
 *   src/entries/inbox.ts   → crewai_hitl_nb/server/page/static/inbox.{js,css}   the inbox page
 *   src/entries/insights.tsx → the same: insights.{js,css}, the page beside it
 *   src/entries/service-worker.ts, icons/ → the same                       make it installable
 *   src/entries/markdown-worker.ts → the same: formats Markdown in a worker
 *   src/entries/maths.ts   → the same: draws formulas, fetched on demand
 *   src/entries/table.tsx  → the same: draws data frames, fetched on demand
 *   src/entries/form.tsx   → the same: draws fields with parts and rows, fetched on demand
 *   src/entries/files.tsx  → the same: sends and shows files, fetched on demand
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

/** The limits in docs/frontend.md, gzipped, so that a card and the inbox page load fast. */
const LIMITS_KB = { "card.js": 70, "inbox.js": 71 };

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

/** Leaves style sheets out of a script whose page links them. */
const cssIsLinked = {
  name: "css-is-linked",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, () => ({ contents: "", loader: "text" }));
  },
};

/**
 * Lets the parts that are loaded later refer to the whole page, so that esbuild puts all that the
 * page begins with into one chunk: two compress worse, by 2 kB.
 */
const oneChunk = {
  name: "one-chunk",
  setup({ onLoad }) {
    onLoad({ filter: /view\/(inbox\/parts\.ts|text\/changes\.tsx)$/ }, ({ path }) => ({
      contents: `${readFileSync(path, "utf8")}\nimport "../../entries/inbox";`,
      loader: path.endsWith("x") ? "tsx" : "ts",
    }));
  },
};

/** Makes one file of the card: what a page loads later is fetched from the server. */
const oneFile = {
  name: "one-file",
  setup({ onResolve }) {
    onResolve({ filter: /\/event-parser$/ }, () => ({
      path: join(root, "src/client/transports/fetched-event-parser.ts"),
    }));
    onResolve({ filter: /\/changes-on-demand$/ }, () => ({
      path: join(root, "src/view/text/fetched-changes.tsx"),
    }));
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

/** Scripts that pages fetch by themselves, each with all that it needs. */
const ALONE = [
  "maths.ts",
  "table.tsx",
  "form.tsx",
  "files.tsx",
  "changes.tsx",
  "markdown-worker.ts",
  "insights.tsx",
];

async function buildPages() {
  const card = join(product, "widget", "static", "card.js");
  const inbox = join(product, "server", "page", "static");
  await build({
    ...shared,
    entryPoints: ALONE.map((name) => `src/entries/${name}`),
    outdir: inbox,
    minify: true,
  });
  await build({
    ...shared,
    entryPoints: ["src/entries/widget.ts"],
    plugins: [cssAsText, oneFile],
    outfile: card,
    minify: true,
  });
  await build({
    ...shared,
    entryPoints: ["src/entries/card-loader.ts"],
    outdir: dirname(card),
    minify: true,
  });
  await buildInbox(inbox);
  await build({
    ...shared,
    entryPoints: ["src/entries/inbox.css", "src/entries/insights.css"],
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
  await finish(card, inbox);
}

/** Minifies again, and checks the sizes. */
async function finish(card, inbox) {
  const page = ["inbox.js", "inbox-chunk.js"].map((name) => join(inbox, name));
  const parts = join(inbox, "inbox-parts.js");
  for (const script of [card, ...page, parts]) await compress(script);
  const rest = [
    "inbox.css",
    "insights.js",
    "maths.js",
    "table.js",
    "form.js",
    "files.js",
    "changes.js",
  ].map((name) => join(inbox, name));
  const sizes = [[card], page, [parts], ...rest.map((file) => [file])].map(report);
  for (const [name, size] of [
    ["card.js", sizes[0]],
    ["inbox.js", sizes[1]],
  ]) {
    if (size > LIMITS_KB[name]) throw new Error(`${name} is over ${LIMITS_KB[name]} kB gzipped`);
  }
}

async function buildInbox(outdir) {
  await build({
    ...shared,
    entryPoints: ["src/entries/inbox.ts"],
    plugins: [cssIsLinked, oneChunk],
    // inbox-chunk.js: what the page begins with; inbox-parts.js: what it loads afterwards;
    // inbox-changes.js and inbox-event-parser.js: what few need.
    splitting: true,
    chunkNames: "inbox-[name]",
    outdir,
    minify: true,
  });
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

/**
 * Minifies a script again with terser, which saves about 4 % more than esbuild. No function expression
 * in our scripts is a constructor, so they can be arrows.
 */
async function compress(file) {
  const options = { module: true, compress: { passes: 3, unsafe_arrows: true }, ecma: 2020 };
  const { code } = await minify(readFileSync(file, "utf8"), options);
  writeFileSync(file, code);
}

/** Prints and returns the size of a script, with the files that it cannot begin without. */
function report(files) {
  const sizes = files.map((file) => gzipSync(readFileSync(file), { level: 9 }).length / 1000);
  const size = sizes.reduce((sum, one) => sum + one, 0);
  const names = files.map((file) => relative(dirname(product), file)).join(" + ");
  console.log(`${names}: ${size.toFixed(1)} kB gzipped`);
  return size;
}

await buildPages();
await buildLab();
console.log(`${relative(dirname(product), join(product, "labextension"))}: built`);
