//! The app: which request meets which function. Who may send it stands in `app.toml`.

use synod_app::{App, Request, Response, Router};

use crate::{account, history, supply, totals, transfer};

/// The clearing house.
pub struct Clearing;

impl App for Clearing {
    fn handle(request: Request) -> Response {
        Router::of(&request)
            .post("/accounts", account::open)
            .get("/accounts", account::list)
            .get("/accounts/{account}", account::show)
            .patch("/accounts/{account}", account::change)
            .delete("/accounts/{account}", account::close)
            .get("/accounts/{account}/entries", history::list)
            .put("/accounts/{account}/overdraft", supply::set_overdraft)
            .post("/transfers", transfer::one)
            .post("/batches", transfer::batch)
            .get("/transfers/{transfer}", transfer::show)
            .post("/transfers/{transfer}/confirmations", transfer::confirm)
            .post("/issues", supply::issue)
            .post("/redemptions", supply::redeem)
            .get("/supply/{currency}", supply::list)
            .get("/totals", totals::show)
            .answer()
    }
}

#[cfg(target_arch = "wasm32")]
synod_app::export!(Clearing);
