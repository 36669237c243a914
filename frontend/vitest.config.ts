import { defineConfig, mergeConfig } from "vitest/config";
import vite from "./vite.config.ts";

/** Tests that need a document say so by their name, `*.dom.test.ts`; all others run without one. */
const DOM = "src/**/*.dom.test.{ts,tsx}";
const ALL = "src/**/*.test.{ts,tsx}";

export default mergeConfig(
  vite,
  defineConfig({
    test: {
      // For what hangs: property tests take their time on a busy machine.
      testTimeout: 60_000,
      projects: [
        { extends: true, test: { name: "node", environment: "node", include: [ALL], exclude: [DOM] } },
        { extends: true, test: { name: "dom", environment: "happy-dom", include: [DOM] } },
      ],
    },
  }),
);
