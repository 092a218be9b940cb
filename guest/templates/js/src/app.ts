/** Notes that nobody but their author can read. Everybody can see how many there are. */

import { App, Problem, StoredMap, bindClaimOf, caller, empty, json, keys } from "@synod/app";
import type { Request } from "@synod/app";

interface Note {
  text: string;
}

/** Notes by author and id. Private: in plain text only inside TEEs. */
const notes = new StoredMap<Note, [string, string], [string]>("notes", { key: keys.tuple(keys.text, keys.text) });
/** How many notes there are. Public: on the ledger, for everybody to see. */
const counts = new StoredMap<number>("public:counts");

const count = () => counts.get("notes") ?? 0;

/** The author is whoever calls, so that nobody reaches another's note. */
const keyOf = (request: Request): [string, string] => [caller().id, request.params["id"] ?? ""];

/** The note in a request; what is none is refused. */
function noteIn(request: Request): Note {
  const note = request.json();
  if (typeof note !== "object" || note === null || !("text" in note) || typeof note.text !== "string") {
    throw Problem.badRequest("a note is an object with a `text`");
  }
  return { text: note.text };
}

export default new App()
  .get("/notes", () => json([...notes.entries({ prefix: [caller().id] })].map(([[, id]]) => id)))
  .get("/notes/{id}", (request) => {
    const note = notes.get(keyOf(request));
    if (note === undefined) {
      throw Problem.notFound("you have no such note");
    }
    return json(note);
  })
  .put("/notes/{id}", (request) => {
    const [key, note] = [keyOf(request), noteIn(request)];
    if (!notes.has(key)) {
      counts.put("notes", count() + 1);
    }
    // The receipt of this call will prove that the service took this very text.
    bindClaimOf(note.text);
    notes.put(key, note);
    return empty();
  })
  .delete("/notes/{id}", (request) => {
    const key = keyOf(request);
    if (notes.has(key)) {
      counts.put("notes", count() - 1);
      notes.delete(key);
    }
    return empty();
  })
  .get("/count", () => json(count()));
