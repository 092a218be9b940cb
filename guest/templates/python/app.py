"""Notes that nobody but their author can read. Everybody can see how many there are."""

from __future__ import annotations

from dataclasses import dataclass

from synod_app import App, Problem, Request, Response, StoredMap, bind_claim_of, caller, keys, values


@dataclass
class Note:
    """A note."""

    text: str


notes = StoredMap("notes", key=keys.tuple(keys.text, keys.text), value=values.of(Note))
"""Notes by author and id. Private: in plain text only inside TEEs."""

counts = StoredMap("public:counts")
"""How many notes there are. Public: on the ledger, for everybody to see."""

app = App()


@app.get("/notes")
def list_notes(_: Request) -> list[str]:
    return [id for (_, id), _ in notes.entries(prefix=(caller().id,))]


@app.get("/notes/{id}")
def read(request: Request) -> Note:
    note = notes.get(key_of(request))
    if note is None:
        raise Problem.not_found("you have no such note")
    return note


@app.put("/notes/{id}")
def write(request: Request) -> Response:
    key, note = key_of(request), request.json(Note)
    if not notes.has(key):
        counts.put("notes", count_notes() + 1)
    # The receipt of this call will prove that the service took this very text.
    bind_claim_of(note.text)
    notes.put(key, note)
    return Response.empty()


@app.delete("/notes/{id}")
def remove(request: Request) -> Response:
    key = key_of(request)
    if notes.has(key):
        counts.put("notes", count_notes() - 1)
        notes.delete(key)
    return Response.empty()


@app.get("/count")
def count(_: Request) -> int:
    return count_notes()


def key_of(request: Request) -> tuple[str, str]:
    """The author is whoever calls, so that nobody reaches another's note."""
    return caller().id, request.params["id"]


def count_notes() -> int:
    """How many notes there are."""
    return counts.get("notes") or 0
