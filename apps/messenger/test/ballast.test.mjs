import assert from "node:assert/strict";
import test from "node:test";

import { STEP_LARGE, STEP_MIN } from "../build/test/ballast.js";
import { Synod } from "./synod.mjs";

/** Whether a sealed part has one of the lengths that the ledger may show. */
function isStep(length) {
  const small = length >= STEP_MIN && length <= STEP_LARGE && Number.isInteger(Math.log2(length));
  return small || length % STEP_LARGE === 0;
}

test("the ledger shows the same length for texts of any length, and for names of any length", () => {
  const lengths = new Map();
  for (const user of ["b", "b".repeat(64)]) {
    for (const size of [1, 10, 100]) {
      const synod = new Synod();
      const room = synod.ask("anna", "POST /rooms", { name: "x" }).json.id;
      synod.ask("anna", `PUT /rooms/${room}/members/${user}`);
      synod.ask("anna", `POST /rooms/${room}/messages`, { text: "x".repeat(size) });
      lengths.set(synod.sealedLength, size);
    }
  }
  assert.deepEqual([...lengths.keys()], [2048]);
});

test("every call that writes has one of few lengths, in small rooms and in large", () => {
  const synod = new Synod();
  const seen = new Set();
  const ask = (user, line, body) => {
    const answer = synod.ask(user, line, body);
    assert.ok(isStep(synod.sealedLength), `${line}: ${synod.sealedLength} bytes`);
    seen.add(synod.sealedLength);
    return answer;
  };
  const room = ask("anna", "POST /rooms", { name: "n" }).json.id;
  for (let count = 0; count < 150; count += 1) {
    ask("anna", `PUT /rooms/${room}/members/${"u".repeat(1 + (count % 60))}${count}`);
    ask("anna", `POST /rooms/${room}/messages`, { text: "ü".repeat(1 + ((count * 131) % 2000)) });
    ask("anna", `PUT /rooms/${room}/read`, { read: 1 + count });
  }
  ask("anna", `DELETE /rooms/${room}`);
  assert.ok(seen.size <= 12, [...seen].join(" "));
});

test("a call that reads writes nothing", () => {
  const synod = new Synod();
  synod.ask("anna", "POST /rooms", { name: "n" });
  synod.sealedLength = -1;
  synod.ask("anna", "GET /rooms");
  assert.equal(synod.sealedLength, -1);
});
