//! The app: which request meets which function. Who may send it stands in `app.toml`.

use synod_app::{App, Request, Response, Router};

use crate::{asking, study};

/// The clean room.
pub struct Cleanroom;

impl App for Cleanroom {
    fn handle(request: Request) -> Response {
        Router::of(&request)
            .post("/studies", study::declare)
            .get("/studies", study::list)
            .get("/studies/{study}", study::show)
            .post("/studies/{study}/rows", study::upload)
            .get("/studies/{study}/rows", study::own)
            .delete("/studies/{study}/rows", study::withdraw)
            .post("/studies/{study}/seal", study::seal)
            .post("/studies/{study}/queries", asking::propose)
            .get("/studies/{study}/queries", asking::list)
            .get("/studies/{study}/queries/{query}", asking::show)
            .put("/studies/{study}/queries/{query}/approval", asking::approve)
            .delete(
                "/studies/{study}/queries/{query}/approval",
                asking::disapprove,
            )
            .post("/studies/{study}/queries/{query}/run", asking::run)
            .get("/studies/{study}/queries/{query}/answer", asking::answer)
            .get("/studies/{study}/refusals", asking::refusals)
            .answer()
    }
}

#[cfg(target_arch = "wasm32")]
synod_app::export!(Cleanroom);
