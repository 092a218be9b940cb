/** Compiles only if the types of the library fit one another as they are to be used. */

import { App, Problem, StoredMap, caller, json, keys, values } from "@synod/app";
import { Synod, user } from "@synod/app/testing";

interface Note {
  text: string;
}

const notes = new StoredMap<Note, [string, number], [string]>("notes", { key: keys.tuple(keys.text, keys.number) });
const inferred = new StoredMap("texts", { key: keys.tuple(keys.text, keys.descending, keys.bytes), value: values.text });
const plain = new StoredMap<Note>("plain");

const app = new App()
  .get("/notes", () => json([...notes.entries({ prefix: [caller().id] })].map(([[, number], { text }]) => [number, text])))
  .post("/notes/{id}", (request) => {
    const number: number = request.queryNumber("number", 0, 10);
    const text: string = plain.get(request.params["id"] ?? "")?.text ?? "";
    notes.put([caller().id, number], { text });
    inferred.put(["a", 1, new Uint8Array(1)], "text");
    const [[name]]: [[string, number, Uint8Array], string] = inferred.page({ prefix: ["a", 1], limit: 2 }).rows[0]!;
    // @ts-expect-error a prefix is not the whole key
    inferred.page({ prefix: ["a", 1, new Uint8Array(1)], limit: 2 });
    // @ts-expect-error this key has two parts
    notes.get("alice");
    throw Problem.conflict(`${name}`);
  });

new Synod(app).call(user("anna", "bank"), "GET /notes").json();
