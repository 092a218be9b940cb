/** The library, against the pretended host. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";

import {
  App, Problem, StoredMap, bindClaimOf, caller, decodeUtf8, encodeUtf8, json, keepWrites, keys, random, sha256, values,
} from "@synod/app";
import { Synod, user } from "@synod/app/testing";

const counts = new StoredMap("counts");
const rows = new StoredMap("rows", { key: keys.tuple(keys.text, keys.number), value: values.text });

function increase() {
  const count = (counts.get(caller().id) ?? 0) + 1;
  counts.put(caller().id, count);
  return json(count);
}

const app = new App()
  .post("/count", increase)
  .post("/refuse", () => {
    increase();
    throw Problem.conflict("no");
  })
  .post("/record", () => {
    increase();
    keepWrites();
    throw Problem.conflict("no");
  })
  .post("/break", () => {
    increase();
    throw new TypeError("a mistake of the app");
  })
  .get("/echo/{name}", (request) => json([request.params.name, request.query("q"), request.queryNumber("n", 5, 9)]))
  .put("/body", (request) => json(request.json()))
  .migrate((from) => {
    throw new Error(`no way from ${from}`);
  });

test("a call that is refused or breaks leaves nothing, unless it asked for that", () => {
  const synod = new Synod(app);
  const post = (route) => synod.call(user("anna"), `POST ${route}`);
  assert.equal(post("/count").json(), 1);
  assert.equal(post("/refuse").status, 409);
  assert.equal(post("/count").json(), 2);
  assert.deepEqual(post("/record").json(), { status: 409, code: "conflict", title: "no" });
  assert.equal(post("/count").json(), 4);
  assert.throws(() => post("/break"), TypeError);
  assert.match(synod.log[0].message, /a mistake of the app/);
  assert.equal(post("/count").json(), 5);
});

test("a request meets the handler of its route and method", () => {
  const synod = new Synod(app);
  const get = (query) => synod.call(user("anna"), "GET /echo/{name}", { params: { name: "x" }, query });
  assert.deepEqual(get("q=a+b%2B%C3%A9&n=9").json(), ["x", "a b+é", 9]);
  assert.deepEqual(get("").json(), ["x", null, 5]);
  for (const bad of ["n=10", "n=-1", "n=1e1", "n=", "q=%4"]) {
    assert.equal(get(bad).status, 400, bad);
  }
  assert.equal(synod.call(user("anna"), "HEAD /echo/{name}").status, 200);
  assert.equal(synod.call(user("anna"), "PUT /count").status, 405);
  assert.equal(synod.call(user("anna"), "GET /other").status, 404);
  assert.equal(synod.call(user("anna"), "PUT /body", { body: encodeUtf8("{") }).status, 400);
  assert.equal(synod.call(user("anna"), "PUT /body", { body: Uint8Array.of(0xff) }).status, 400);
});

test("why a migration fails is text for the host", () => {
  assert.throws(() => app.lifecycle.migrate("0.9"), (reason) => reason === "no way from 0.9");
  app.lifecycle.init();
});

test("rows come in the order of their keys, by prefix, range and page", () => {
  new Synod(app).run(() => {
    for (let number = 0; number < 250; number += 1) {
      rows.put(["b", number], `${number}`);
    }
    rows.put(["a", 1], "a");
    rows.put(["ba", 1], "ba");
    const numbers = (range) => [...rows.entries(range)].map(([[, number]]) => number);
    assert.equal(numbers({ prefix: ["b"] }).length, 250);
    assert.equal(numbers().length, 252);
    assert.deepEqual(numbers({ from: ["b", 2], before: ["b", 4] }), [2, 3]);
    assert.deepEqual(numbers({ prefix: ["b"], after: ["b", 247] }), [248, 249]);
    const page = rows.page({ prefix: ["b"], after: ["b", 4], limit: 3 });
    assert.deepEqual([page.rows.map(([[, number]]) => number), page.more], [[5, 6, 7], true]);
    assert.equal(rows.page({ prefix: ["ba"], limit: 1 }).more, false);
    rows.delete(["a", 1]);
    assert.deepEqual([rows.has(["a", 1]), rows.get(["a", 1])], [false, undefined]);
  });
});

test("keys come back as they were, and have the order of their bytes", () => {
  const pair = keys.tuple(keys.text, keys.number);
  const ordered = ["", "\0", "\0a", "a", "a\0", "aa", "é", "\u{1f600}"].flatMap((text) => [[text, 0], [text, 256]]);
  const written = ordered.map((key) => Buffer.from(pair.write(key, true)));
  assert.deepEqual(written.map((bytes) => pair.read(bytes, 0, true)[0]), ordered);
  assert.deepEqual([...written].sort(Buffer.compare), written);
  assert.deepEqual([...pair.write(["a", 1], true)], [97, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  assert.deepEqual(keys.descending.read(keys.descending.write(7), 0), [7, 8]);
  for (const broken of [[97], [97, 0], [97, 0, 1], [97, 0, 0, 1]]) {
    assert.throws(() => pair.read(Uint8Array.from(broken), 0, true));
  }
});

test("UTF-8 is what Node has", () => {
  const texts = ["", "plain", "é€\u{1f600}\0", "\ud800", "a\udc00b", "x".repeat(10_000), "\u{10ffff}\ud7ff\ue000"];
  for (const text of texts) {
    assert.deepEqual(encodeUtf8(text), new TextEncoder().encode(text));
    assert.equal(decodeUtf8(encodeUtf8(text)), new TextDecoder().decode(new TextEncoder().encode(text)));
  }
  let seed = 7;
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Uint8Array.from({ length: round % 6 }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      const byte = seed >>> 24;
      return byte < 0x60 ? byte + 0x80 : byte;
    });
    let expected;
    try {
      expected = strict.decode(bytes);
    } catch {
      expected = undefined;
    }
    assert.equal(decodeUtf8(bytes), expected, bytes.join(" "));
  }
});

test("SHA-256 is what Node has, and is bound as a claim", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1000]) {
    const bytes = Uint8Array.from({ length }, (_, index) => index);
    assert.deepEqual(Buffer.from(sha256(bytes)), createHash("sha256").update(bytes).digest());
  }
  const synod = new Synod(app);
  const digest = synod.run(() => bindClaimOf("statement"));
  assert.deepEqual(synod.claims, [digest]);
});

test("random names and numbers come from the host", () => {
  new Synod(app).run(() => {
    assert.match(random.name(), /^[A-Za-z0-9_-]{22}$/);
    assert.notEqual(random.name(), random.name());
    const drawn = Array.from({ length: 300 }, () => random.below(3));
    assert.deepEqual([...new Set(drawn)].sort(), [0, 1, 2]);
    assert.throws(() => random.below(0), RangeError);
  });
});
