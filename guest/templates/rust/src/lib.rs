//! Notes that nobody but their author can read. Everybody can see how many there are.

use serde::{Deserialize, Serialize};
use synod_app::{App, Map, Problem, Request, Response, Router};

/// A note.
#[derive(Serialize, Deserialize)]
struct Note {
    text: String,
}

/// Notes by author and id. Private: in plain text only inside TEEs.
const NOTES: Map<(String, String), Note> = Map::new("notes");
/// How many notes there are. Public: on the ledger, for everybody to see.
const COUNTS: Map<String, u64> = Map::new("public:counts");

/// The app.
struct Notes;

synod_app::export!(Notes);

impl App for Notes {
    fn handle(request: Request) -> Response {
        Router::of(&request)
            .get("/notes", list)
            .get("/notes/{id}", read)
            .put("/notes/{id}", write)
            .delete("/notes/{id}", remove)
            .get("/count", |_| Response::json(&count()))
            .answer()
    }
}

fn list(_: &Request) -> Response {
    let author = synod_app::caller().id;
    let ids: Vec<String> = NOTES.prefix((&author,)).map(|((_, id), _)| id).collect();
    Response::json(&ids)
}

fn read(request: &Request) -> Result<Response, Problem> {
    let author = synod_app::caller().id;
    let note = NOTES.get((&author, request.param("id")));
    let note = note.ok_or_else(|| Problem::not_found("you have no such note"))?;
    Ok(Response::json(&note))
}

fn write(request: &Request) -> Result<Response, Problem> {
    let author = synod_app::caller().id;
    let key = (author.as_str(), request.param("id"));
    let note: Note = request.json()?;
    if !NOTES.has(key) {
        COUNTS.put("notes", &(count() + 1));
    }
    // The receipt of this call will prove that the service took this very text.
    synod_app::bind_claim_of(note.text.as_bytes());
    NOTES.put(key, &note);
    Ok(Response::empty(204))
}

fn remove(request: &Request) -> Response {
    let author = synod_app::caller().id;
    let key = (author.as_str(), request.param("id"));
    if NOTES.has(key) {
        COUNTS.put("notes", &(count() - 1));
        NOTES.delete(key);
    }
    Response::empty(204)
}

fn count() -> u64 {
    COUNTS.get("notes").unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use synod_app::testing::{Synod, request, user};

    use super::*;

    #[test]
    fn a_note_is_read_by_its_author_alone() {
        let mut synod = Synod::new();
        let id = [("id", "first")];
        let note = request("PUT", "/notes/{id}", &id).with_json(&Note { text: "hello".into() });
        assert_eq!(synod.call::<Notes>(user("anna", &[]), note).status, 204);
        let read = |synod: &mut Synod, who| {
            synod.call::<Notes>(user(who, &[]), request("GET", "/notes/{id}", &id)).status
        };
        assert_eq!(read(&mut synod, "anna"), 200);
        assert_eq!(read(&mut synod, "bert"), 404);
    }
}
