import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { forms, search } from "./disk/search.mjs";

const TEXT = "grüne Heringe";

function searchOf(bytes) {
  const folder = mkdtempSync(join(tmpdir(), "search-"));
  try {
    mkdirSync(join(folder, "deep"));
    writeFileSync(join(folder, "deep", "file"), bytes);
    return search(folder, [TEXT, "something else"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a text is found in each form and wherever it stands", () => {
  const bytes = Buffer.from(TEXT);
  for (let before = 0; before < 6; before += 1) {
    const around = Buffer.concat([Buffer.alloc(before, 0xc5), bytes, Buffer.alloc(7 - before, 0x3a)]);
    const written = [around, around.toString("hex"), around.toString("hex").toUpperCase()];
    written.push(around.toString("base64"), around.toString("base64url"));
    written.push(Buffer.concat([Buffer.alloc(before), Buffer.from(TEXT, "utf16le")]));
    for (const form of written) {
      const { hits, files } = searchOf(form);
      assert.equal(files, 1);
      assert.ok(hits.length > 0 && hits.every(({ text }) => text === TEXT), String(form));
    }
  }
});

test("a text that is not there is not found", () => {
  assert.deepEqual(searchOf(Buffer.from("grüne Hering")).hits, []);
  assert.deepEqual(searchOf(Buffer.alloc(100_000)).hits, []);
});

test("a text that stands anywhere by chance cannot be looked for", () => {
  assert.throws(() => forms("anna"));
});
