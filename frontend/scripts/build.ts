/**
 * Writes `dist/`, which the server serves:
 *
 *   widget.js       the loader: one classic script, at a name that never changes
 *   assets/         everything else, under names that hold a hash of the content
 *   manifest.json   how the entries of our own pages and their styles are named; the server's pages read it
 *   widget.json     the same of the widget, for `size.ts`
 *   client/         the package @chatserver/client: plain modules with their types
 *
 * with `.br` and `.gz` beside each text file. The rooms app and the console are built together and share chunks. The widget
 * is built apart: it would bring their part of Preact and of the SDK into other people's pages.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, type InlineConfig, type Manifest, type Plugin } from "vite";

const root = join(import.meta.dirname, "..");
const target = join(root, "dist");
/** Built beside its place and moved there when it is whole, so that a failed build leaves the last one. */
const fresh = join(root, "node_modules", ".dist");

const KEPT_MS = 24 * 3600 * 1000;
const TEXT = new Set([".css", ".html", ".js", ".json", ".md", ".svg", ".txt"]);

type Build = NonNullable<InlineConfig["build"]>;

const assets: Build = {
  outDir: fresh,
  emptyOutDir: false,
  target: "es2022",
  // Those that know `light-dark()`: what stands in for it in older ones would fail where pages set colours of their own.
  cssTarget: ["chrome123", "edge123", "firefox120", "safari17.5"],
  reportCompressedSize: false,
  // Data URLs in style sheets would need `img-src data:` of the host's content security policy.
  assetsInlineLimit: 0,
};
const names = {
  entryFileNames: "assets/[name]-[hash].js",
  chunkFileNames: "assets/[name]-[hash].js",
  assetFileNames: "assets/[name]-[hash][extname]",
};

/** Vite's helper would add `<link>` elements to the host's page, which its policy may forbid, and is 1 kB. */
const noPreloading: Plugin = {
  name: "no-preloading",
  enforce: "pre",
  load: (id) => (id.includes("vite/preload-helper") ? "export const __vitePreload = (load) => load();" : null),
};

async function run({ rolldownOptions, ...options }: Build, more: Omit<InlineConfig, "build"> = {}): Promise<void> {
  await build({
    configFile: join(root, "vite.config.ts"),
    logLevel: "warn",
    ...more,
    build: {
      ...assets,
      ...options,
      rolldownOptions: {
        ...rolldownOptions,
        onwarn(warning, warn) {
          if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning); // "use client" of a package says nothing here
        },
      },
    },
  });
}

/** The name of the file that an entry became. */
function named(manifest: string, entry: string): string {
  const found = (JSON.parse(readFileSync(join(fresh, manifest), "utf8")) as Manifest)[entry];
  if (!found) throw new Error(`${manifest} does not name ${entry}`);
  return found.file;
}

function compress(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !TEXT.has(extname(entry.name))) continue;
    const path = join(entry.parentPath, entry.name);
    const data = readFileSync(path);
    writeFileSync(`${path}.gz`, gzipSync(data, { level: 9 }));
    const options = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length };
    writeFileSync(`${path}.br`, brotliCompressSync(data, { params: options }));
  }
}

/**
 * Keeps what builds of the last day have made: a server that runs goes on with the files it knows, and pages that are open
 * still load their parts. `make archive` begins without any.
 */
function keepRecent(): void {
  const [before, now] = [join(target, "assets"), join(fresh, "assets")];
  if (!existsSync(before)) return;
  for (const name of readdirSync(before)) {
    const recent = Date.now() - statSync(join(before, name)).mtimeMs < KEPT_MS;
    if (recent && !existsSync(join(now, name)))
      cpSync(join(before, name), join(now, name), { preserveTimestamps: true });
  }
}

function writeClient(): void {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const folder = join(fresh, "client");
  execFileSync(process.execPath, [compiler, "--project", join(root, "tsconfig.sdk.json"), "--outDir", folder]);
  const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const entry = { types: "./index.d.ts", default: "./index.js" };
  const about = { name: "@chatserver/client", version, license, type: "module", sideEffects: false, exports: entry };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(about, null, 2)}\n`);
}

rmSync(fresh, { recursive: true, force: true });
await run({
  manifest: "manifest.json",
  license: { fileName: "licenses.md" },
  modulePreload: { polyfill: false },
  rolldownOptions: {
    input: { app: join(root, "src/app/main.tsx"), console: join(root, "src/console/main.tsx") },
    output: names,
  },
});
await run(
  {
    manifest: "widget.json",
    modulePreload: false,
    rolldownOptions: {
      input: { widget: join(root, "src/widget/core.tsx") },
      output: names,
      // Vite takes an entry for a page's script, whose exports nobody uses; the loader imports this one.
      preserveEntrySignatures: "allow-extension",
    },
  },
  { plugins: [noPreloading] },
);
await run(
  {
    modulePreload: false,
    rolldownOptions: {
      input: join(root, "src/widget/loader.ts"),
      // A classic script, that may stand anywhere in the host's page.
      output: { format: "iife", entryFileNames: "widget.js" },
    },
  },
  { define: { __CORE__: JSON.stringify(`static/${named("widget.json", "src/widget/core.tsx")}`) } },
);
writeClient();
compress(fresh);
keepRecent();
rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);
