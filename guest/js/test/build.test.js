/** What the build makes of an app, and what it says where it cannot. */

import assert from "node:assert/strict";
import { mkdtemp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { BuildError, build } from "@synod/app/build";

const LIBRARY = fileURLToPath(new URL("..", import.meta.url));
const MANIFEST = 'name = "a"\nversion = "1"\ncomponent = "made/a.wasm"\nimports = ["maps", "map-writes", "caller"]\n';
const APP = `
  import { App, StoredMap, caller, json, ledgerTime } from "@synod/app";
  const counts: StoredMap<number> = new StoredMap("counts");
  export default new App().post("/count", () => {
    counts.put(caller().id, (counts.get(caller().id) ?? 0) + 1);
    return json(ledgerTime());
  });`;

async function inFolder(files, work) {
  const folder = await mkdtemp(join(tmpdir(), "synod-app-test-"));
  try {
    await mkdir(join(folder, "node_modules/@synod"), { recursive: true });
    await symlink(LIBRARY, join(folder, "node_modules/@synod/app"));
    for (const [name, contents] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), contents);
    }
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The names of the interfaces in a component that begin so; in one they stand as text. */
function named(component, begin) {
  const text = component.toString("latin1");
  return [...new Set(text.match(new RegExp(`${begin}[a-z0-9/-]+@[0-9.]+`, "g")) ?? [])].sort();
}

test("the component knows the interfaces that the manifest admits, and no other", { timeout: 60_000 }, async () => {
  await inFolder({ "app.toml": MANIFEST, "src/app.ts": APP }, async (folder) => {
    const { path, size } = await build(folder);
    const component = await readFile(path);
    assert.equal(component.length, size);
    const interfaces = named(component, "synod:app/").map((name) => name.replace(/.*\/(.*)@.*/, "$1"));
    for (const name of ["handler", "caller", "maps", "map-writes"]) {
      assert.ok(interfaces.includes(name), name);
    }
    for (const name of ["ledger-time", "log", "claims", "random", "transaction", "lifecycle"]) {
      assert.ok(!interfaces.includes(name), name);
    }
  });
});

test("what the developer can mend is told in a sentence", async () => {
  const cases = [
    [{}, /app\.toml/],
    [{ "app.toml": "name =" }, /app\.toml/],
    [{ "app.toml": MANIFEST }, /no source file/],
    [{ "app.toml": MANIFEST.replace("maps", "files"), "src/app.ts": APP }, /no interface `files`/],
    [{ "app.toml": MANIFEST, "src/app.ts": "let 1" }, /src\/app\.ts:1/],
    [{ "app.toml": MANIFEST, "src/app.ts": 'import "nothing-of-that-name";' }, /nothing-of-that-name/],
    [{ "app.toml": MANIFEST, "src/app.ts": 'export default 1;', "package.json": "{" }, /package\.json/],
    [{ "app.toml": MANIFEST.replace(/component.*\n/, ""), "src/app.ts": APP }, /names no `component`/],
  ];
  for (const [files, message] of cases) {
    await inFolder(files, (folder) => assert.rejects(build(folder), (error) => {
      assert.ok(error instanceof BuildError, error.stack);
      assert.match(error.message, message);
      return true;
    }));
  }
});
