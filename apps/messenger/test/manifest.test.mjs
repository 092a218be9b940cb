import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { MAPS } from "../build/test/records.js";
import { ROUTES } from "../build/test/routes.js";

const file = (name) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");

/** The strings of an array of TOML that stands on one line. */
const strings = (toml, key) => JSON.parse(new RegExp(`^${key} = (\\[.*\\])$`, "m").exec(toml)[1]);

test("manifest, description and code have the same routes", () => {
  const routes = Object.keys(ROUTES).sort();
  const declared = file("app.toml")
    .split("[[routes]]")
    .slice(1)
    .flatMap((toml) => strings(toml, "methods").map((method) => `${method} ${/^path = "(.*)"$/m.exec(toml)[1]}`));
  assert.deepEqual(declared.sort(), routes);
  const { paths } = JSON.parse(file("openapi.json"));
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(described.sort(), routes);
});

test("all maps are private", () => {
  const toml = file("app.toml");
  assert.deepEqual(strings(toml, "private").sort(), Object.values(MAPS).sort());
  assert.equal(toml.includes("public"), false);
});
