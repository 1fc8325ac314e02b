#!/usr/bin/env node
/**
 * Makes a component of an app in TypeScript or JavaScript:
 * `weft-componentize ENTRY --wit DIR --out FILE [--engine auto|quickjs|starlingmonkey]`
 *
 * The app is bundled with the SDK, async functions become generators over promises that a component
 * can run by itself, and an engine with the bundle in it becomes the component. Everything that is
 * said goes to stderr.
 */

import { mkdir, mkdtemp, readFile, readdir, rm, writeFile, rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

import { lineTable } from "./lines.mjs";

const SDK = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const WORLD = "every-role";

/** What only StarlingMonkey has, by how a program names it. */
const WEB = [
  ...["ReadableStream", "WritableStream", "TransformStream", "CompressionStream", "DecompressionStream"],
  ...["URLSearchParams", "URL", "FormData", "Blob", "structuredClone", "AbortController", "Intl"],
  ...["setTimeout", "setInterval", "queueMicrotask"],
];

class Fault extends Error {}

/** A package of the project, else one of the SDK's own. */
async function need(name, version) {
  for (const folder of [process.cwd(), SDK]) {
    let file;
    try {
      file = createRequire(join(folder, "package.json")).resolve(name);
    } catch {
      continue;
    }
    return import(pathToFileURL(file));
  }
  throw new Fault(`${name} is not installed here; run: npm install --save-dev ${name}@${version}`);
}

const esbuild = await need("esbuild", "0.28.2").catch((error) => {
  console.error(error instanceof Fault ? error.message : error);
  process.exit(1);
});

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      wit: { type: "string" },
      out: { type: "string" },
      engine: { type: "string", default: "auto" },
    },
  });
  const [entry] = positionals;
  if (!entry || !values.wit || !values.out) {
    throw new Fault("usage: weft-componentize ENTRY --wit DIR --out FILE [--engine ENGINE]");
  }
  if (!["auto", "quickjs", "starlingmonkey"].includes(values.engine)) {
    throw new Fault(`there is no engine ${values.engine}: quickjs or starlingmonkey`);
  }
  const first = await bundle(entry, "quickjs");
  const [engine, why] = choose(values.engine, first.app);
  console.error(`engine: ${engine}, ${why}`);
  const made = engine === "quickjs" ? first : await bundle(entry, engine);
  const scratch = await mkdtemp(join(tmpdir(), "weft-"));
  try {
    const build = engine === "quickjs" ? quickjs : starlingmonkey;
    const component = await build(made.code, resolve(values.wit), scratch);
    await mkdir(dirname(resolve(values.out)), { recursive: true });
    await writeFile(`${values.out}.new`, component);
    await rename(`${values.out}.new`, values.out);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function choose(asked, app) {
  if (asked !== "auto") return [asked, "as weft.toml asks"];
  const needed = WEB.find((name) => new RegExp(`(?<![.\\w$"'])${name}\\b(?!\\s*:)`).test(app));
  const subtle = app.includes("crypto.subtle") ? "crypto.subtle" : undefined;
  const found = needed ?? subtle;
  if (found) return ["starlingmonkey", `because the app uses ${found}`];
  return ["quickjs", "because the app needs nothing but the language and fetch (small, quick to start)"];
}

/** The bundle, and that part of it which is not the SDK's. */
async function bundle(entry, engine) {
  const starling = engine === "starlingmonkey";
  const root = process.cwd();
  const main = `
    import "./src/install.js";
    import ${JSON.stringify(resolve(entry))};
    export * from "./src/component.js";
  `;
  let result;
  try {
    result = await esbuild.build({
      stdin: { contents: main, resolveDir: SDK, sourcefile: "component", loader: "js" },
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["module", "import"],
      target: "es2022",
      // They become generators over the promises of the SDK.
      supported: { "async-await": false, "async-generator": false, "for-await": false },
      define: { __WEFT_BIGINT__: String(starling), __WEFT_NATIVE_EVENTS__: String(starling) },
      plugins: [interfaces(starling), own()],
      sourcemap: "external",
      outdir: root,
      metafile: true,
      logLevel: "silent",
      absWorkingDir: root,
    });
  } catch (error) {
    const said = await esbuild.formatMessages(error.errors ?? [], { kind: "error", color: false });
    throw new Fault(said.length > 0 ? said.join("") : String(error));
  }
  const file = (ending) => result.outputFiles.find(({ path }) => path.endsWith(ending)).text;
  const code = file(".js");
  const map = JSON.parse(file(".js.map"));
  const isApp = (source) => {
    const within = relative(SDK, resolve(root, source));
    return source !== "component" && (within.startsWith("..") || within === "");
  };
  const table = lineTable(map, isApp, (source) => relative(root, resolve(root, source)));
  const app = appOf(code, table);
  return { code: `${code}\nglobalThis.__weftLines = ${JSON.stringify(table)};\n`, app };
}

function appOf(code, table) {
  const lines = code.split("\n");
  const own = lines.filter((line, at) => table.lines[at] && !line.trimStart().startsWith("//"));
  return own.join("\n");
}

/** Interfaces of the platform are not bundled. */
function interfaces(starling) {
  return {
    name: "interfaces",
    setup(build) {
      build.onResolve({ filter: /^(weft:functions|wasi:[a-z]+)\// }, ({ path }) => ({
        path: starling ? path : disguised(path),
        external: true,
      }));
    },
  };
}

/** The app's `weft-sdk` is the SDK that builds it, so that there is one table of functions. */
function own() {
  return {
    name: "own",
    setup(build) {
      build.onResolve({ filter: /^weft-sdk$/ }, () => ({ path: join(SDK, "src/index.js") }));
    },
  };
}

/**
 * QuickJS is snapshotted with a WASI of its own in place, whose streams are not those of
 * `wasi:http`. Under names of the same length these interfaces are left alone, and get their real
 * names afterwards.
 */
const DISGUISED = /wasi:(?=(?:http|io|clocks)\/)/g;

function disguised(path) {
  return path.replace(DISGUISED, "xasi:");
}

async function quickjs(code, wit, scratch) {
  const { componentize } = await need("componentize-qjs", "0.4.5");
  const copy = join(scratch, "wit");
  await copyWit(wit, copy);
  const script = join(scratch, "component.js");
  await writeFile(script, code);
  let made;
  try {
    made = await componentize({
      witPath: copy,
      jsSource: code,
      jsPath: script,
      world: WORLD,
      sync: true,
    });
  } catch (error) {
    throw new Fault(`the app fails when it is loaded:\n${error.message ?? error}`);
  }
  const component = Buffer.from(made.component);
  for (const name of ["http", "io", "clocks"]) {
    const from = Buffer.from(`xasi:${name}`);
    const to = Buffer.from(`wasi:${name}`);
    for (let at = component.indexOf(from); at >= 0; at = component.indexOf(from, at + 1)) {
      to.copy(component, at);
    }
  }
  return component;
}

async function copyWit(from, to) {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyWit(source, target);
    else if (entry.name.endsWith(".wit")) {
      const text = await readFile(source, "utf8");
      const renamed = text.replace(/wasi:(http|io|clocks)(?=[/@])/g, "xasi:$1");
      await writeFile(target, renamed);
    }
  }
}

async function starlingmonkey(code, wit, scratch) {
  const library = await need("@bytecodealliance/componentize-js", "0.23.0");
  const script = join(scratch, "component.js");
  await writeFile(script, code);
  try {
    const { component } = await library.componentize({
      sourcePath: script,
      witPath: wit,
      worldName: WORLD,
      disableFeatures: ["fetch-event"],
    });
    return component;
  } catch (error) {
    throw new Fault(`the app fails when it is loaded:\n${error.message ?? error}`);
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Fault ? error.message : error);
  process.exitCode = 1;
}
