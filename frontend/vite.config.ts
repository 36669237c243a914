/** What the build (`scripts/build.ts`) and the tests (Vitest) have in common. */
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  // Modules are found relative to each other: the widget's are loaded from other people's pages, and a server may live
  // below a path.
  base: "./",
  publicDir: false,
  resolve: {
    alias: {
      "react/jsx-runtime": "preact/jsx-runtime",
      "react-dom": "preact/compat",
      react: "preact/compat",
    },
  },
});
