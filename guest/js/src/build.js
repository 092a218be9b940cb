/**
 * From the sources of an app to its component: esbuild makes one script of them, and componentize-qjs puts it into an
 * engine that imports what the manifest admits, and nothing else.
 */

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";

import { parse } from "smol-toml";

const WIT = new URL("../wit/app.wit", import.meta.url);
const PACKAGE = "synod:app";
const ENTRIES = ["src/app.ts", "src/app.js", "app.ts", "app.js"];

/** What the developer can mend. */
export class BuildError extends Error {}

/** Builds the app in a folder; tells where the component is, its size in bytes and how long that took. */
export async function build(folder) {
  const began = Date.now();
  const manifest = await readManifest(join(folder, "app.toml"));
  const imports = manifest.imports ?? [];
  const own = await readOwn(folder);
  const source = await bundle(folder, await entry(folder, own), own.lifecycle === true, imports);
  const component = await componentize(source, imports, own.lifecycle === true);
  const path = join(folder, manifest.component ?? "");
  if (manifest.component === undefined) {
    throw new BuildError("`app.toml` names no `component`");
  }
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, component);
  return { path, size: component.length, milliseconds: Date.now() - began };
}

async function readManifest(path) {
  try {
    return parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new BuildError(`\`${path}\`: ${error.message}`);
  }
}

/** What `package.json` says under `synod`: `entry`, the main source file; `lifecycle`, whether it has `init` and `migrate`. */
async function readOwn(folder) {
  const path = join(folder, "package.json");
  if (!existsSync(path)) {
    return {};
  }
  try {
    return JSON.parse(await readFile(path, "utf8")).synod ?? {};
  } catch (error) {
    throw new BuildError(`\`${path}\`: ${error.message}`);
  }
}

async function entry(folder, own) {
  const candidates = own.entry === undefined ? ENTRIES : [own.entry];
  const found = candidates.find((candidate) => existsSync(join(folder, candidate)));
  if (found === undefined) {
    throw new BuildError(`no source file ${candidates.map((name) => `\`${name}\``).join(" or ")} in \`${folder}\``);
  }
  return found;
}

async function bundle(folder, entry, lifecycle, imports) {
  const { build: esbuild } = await import("esbuild");
  const exported = lifecycle ? "export const lifecycle = app.lifecycle;" : "";
  const contents = `
    import app from "./${entry}";
    Math.random = () => { throw new Error("Math.random is the same in every call; take random of @synod/app"); };
    export const handler = { handle: (request) => app.handle(request) };
    ${exported}`;
  try {
    const { outputFiles } = await esbuild({
      stdin: { contents, resolveDir: folder, sourcefile: "component.js" },
      bundle: true,
      write: false,
      format: "esm",
      target: "es2023",
      platform: "neutral",
      mainFields: ["module", "main"],
      conditions: ["synod"],
      legalComments: "none",
      logLevel: "silent",
      absWorkingDir: process.cwd(),
      plugins: [admit(imports)],
    });
    return outputFiles[0].text;
  } catch (error) {
    throw new BuildError(explained(error));
  }
}

function explained(error) {
  const lines = (error.errors ?? []).map(({ text, location }) =>
    location === null ? text : `${relative(".", location.file)}:${location.line}: ${text}`,
  );
  return lines.length === 0 ? error.message : lines.join("\n");
}

/** The names of each interface's functions, as JavaScript has them. */
const FUNCTIONS = {
  caller: ["identify"],
  claims: ["bind"],
  "ledger-time": ["now"],
  log: ["write"],
  "map-writes": ["put", "delete", "keep"],
  maps: ["get", "has", "range", "prefix"],
  random: ["bytes", "u64"],
  transaction: ["id"],
};

/** Leaves the imports that the manifest admits to the component, and makes the others functions that throw. */
function admit(imports) {
  for (const name of imports) {
    if (FUNCTIONS[name] === undefined) {
      throw new BuildError(`\`imports\` in \`app.toml\`: there is no interface \`${name}\``);
    }
  }
  return {
    name: "synod",
    setup(build) {
      build.onResolve({ filter: /^synod:/ }, ({ path }) => {
        const name = path.slice(PACKAGE.length + 1).split("@")[0];
        const known = path === "synod:admitted" || FUNCTIONS[name] !== undefined;
        if (!known) {
          return { errors: [{ text: `there is no interface \`${path}\`` }] };
        }
        return imports.includes(name) ? { path, external: true, sideEffects: false } : { path: name, namespace: "synod" };
      });
      build.onLoad({ filter: /.*/, namespace: "synod" }, ({ path }) => ({ contents: substitute(path, imports) }));
    },
  };
}

function substitute(name, imports) {
  if (FUNCTIONS[name] === undefined) {
    return `export const log = ${imports.includes("log")};`;
  }
  const text = `\`${name}\` is not among the \`imports\` of app.toml`;
  const functions = FUNCTIONS[name].map((own) => `refuse as ${own}`);
  return `function refuse() { throw new Error(${JSON.stringify(text)}); }\nexport { ${functions.join(", ")} };`;
}

/** The world that has just these imports. */
export function world(imports, lifecycle) {
  const lines = imports.map((name) => `    import ${name};`);
  lines.push("    export handler;");
  if (lifecycle) {
    lines.push("    export lifecycle;");
  }
  return `\nworld admitted {\n${lines.join("\n")}\n}\n`;
}

async function componentize(source, imports, lifecycle) {
  const engine = await import("componentize-qjs");
  const folder = await mkdtemp(join(tmpdir(), "synod-app-"));
  try {
    await writeFile(join(folder, "app.wit"), (await readFile(WIT, "utf8")) + world(imports, lifecycle));
    const { component } = await engine.componentize({
      witPath: folder,
      world: "admitted",
      jsSource: source,
      sync: true,
      stubWasi: true,
    });
    return component;
  } catch (error) {
    throw new BuildError(`the script does not become a component: ${error.message}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

