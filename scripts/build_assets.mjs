// Bundles src/sre_portal/web/assets/*.ts and app.css into static/dist.
//
// Every output carries a hash of its content in its name, so a browser may cache it for ever.
// manifest.json maps the plain name to the hashed one. third-party.txt holds the licences of what was bundled.
// The folder is built beside the old one and swapped in at the end: a failed build leaves the old files.

import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const assets = join(root, "src/sre_portal/web/assets");
const dist = join(root, "src/sre_portal/web/static/dist");
const fresh = `${dist}.${process.pid}.new`;
const required = ["app.ts", "app.css"];

function entryPoints() {
  const missing = required.filter((name) => !existsSync(join(assets, name)));
  if (missing.length > 0) {
    throw new Error(`missing in ${relative(root, assets)}: ${missing.join(", ")}`);
  }
  const scripts = readdirSync(assets).filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));
  return [...scripts.sort(), "app.css"].map((name) => join(assets, name));
}

// From esbuild's report: plain name -> hashed name, for entry points only.
function manifestOf(outputs) {
  const manifest = {};
  for (const [path, output] of Object.entries(outputs)) {
    if (output.entryPoint === undefined) continue;
    const plain = basename(output.entryPoint).replace(/\.ts$/, ".js");
    manifest[plain] = basename(path);
    if (output.cssBundle !== undefined) {
      throw new Error(`${plain} imports a style sheet. Use @import in app.css, so that there is one style sheet.`);
    }
  }
  return Object.fromEntries(Object.entries(manifest).sort());
}

function bundledPackages(inputs) {
  const names = Object.keys(inputs)
    .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set(names)].sort();
}

function licences(packages) {
  return packages
    .map((name) => {
      const folder = join(root, "node_modules", name);
      const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      if (file === undefined) throw new Error(`${name} ships no licence text`);
      return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
    })
    .join("\n----\n\n");
}

async function main() {
  mkdirSync(fresh, { recursive: true });
  const result = await build({
    absWorkingDir: root,
    entryPoints: entryPoints(),
    outdir: fresh,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none", // third-party.txt has the full texts
    loader: { ".svg": "file", ".woff2": "file", ".png": "file" },
    metafile: true,
    logLevel: "warning",
  });
  if (result.warnings.length > 0) throw new Error("a warning is an error");
  const manifest = manifestOf(result.metafile.outputs);
  writeFileSync(join(fresh, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(fresh, "third-party.txt"), licences(bundledPackages(result.metafile.inputs)));
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
  for (const [path, { bytes }] of Object.entries(result.metafile.outputs)) {
    console.log(`${basename(path)} ${(bytes / 1024).toFixed(1)} KiB`);
  }
}

try {
  await main();
} catch (error) {
  rmSync(fresh, { recursive: true, force: true });
  console.error(`assets: ${error.message}`);
  process.exitCode = 1;
}
