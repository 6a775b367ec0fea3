import { defineConfig } from "vitest/config";

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  plugins: [
    {
      // The build inlines style sheets as text (scripts/build.mjs); so do the tests.
      name: "css-as-text",
      enforce: "pre",
      load(id) {
        return id.endsWith(".css") ? "export default ''" : null;
      },
    },
  ],
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    testTimeout: 10_000,
    pool: "forks",
    // Node 20 has the browser's WebSocket, but only when asked; later ones have it anyway.
    poolOptions: { forks: { execArgv: ["--experimental-websocket"], maxForks: 2 } },
  },
});
