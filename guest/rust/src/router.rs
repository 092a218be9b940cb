//! Which handler answers, by method and the route of the manifest.

use crate::bindings::app::synod::app::http::{Request, Response};
use crate::response::{IntoResponse, Problem};

/// Tries one route after the other; the first that is the request's is its answer.
///
/// The patterns are those of `app.toml`, letter for letter: the host has matched the path already.
#[must_use]
pub struct Router<'r> {
    request: &'r Request,
    known: bool,
    answer: Option<Response>,
}

impl<'r> Router<'r> {
    /// Of a request.
    pub fn of(request: &'r Request) -> Self {
        Self {
            request,
            known: false,
            answer: None,
        }
    }

    /// What answers `GET` (and `HEAD`) of a route.
    pub fn get<A: IntoResponse>(self, route: &str, handler: impl FnOnce(&Request) -> A) -> Self {
        let method = if self.request.method == "HEAD" {
            "HEAD"
        } else {
            "GET"
        };
        self.on(method, route, handler)
    }

    /// What answers `POST` of a route.
    pub fn post<A: IntoResponse>(self, route: &str, handler: impl FnOnce(&Request) -> A) -> Self {
        self.on("POST", route, handler)
    }

    /// What answers `PUT` of a route.
    pub fn put<A: IntoResponse>(self, route: &str, handler: impl FnOnce(&Request) -> A) -> Self {
        self.on("PUT", route, handler)
    }

    /// What answers `PATCH` of a route.
    pub fn patch<A: IntoResponse>(self, route: &str, handler: impl FnOnce(&Request) -> A) -> Self {
        self.on("PATCH", route, handler)
    }

    /// What answers `DELETE` of a route.
    pub fn delete<A: IntoResponse>(self, route: &str, handler: impl FnOnce(&Request) -> A) -> Self {
        self.on("DELETE", route, handler)
    }

    /// What answers a method of a route.
    pub fn on<A: IntoResponse>(
        mut self,
        method: &str,
        route: &str,
        handler: impl FnOnce(&Request) -> A,
    ) -> Self {
        if self.answer.is_none() && self.request.route == route {
            self.known = true;
            if self.request.method == method {
                self.answer = Some(handler(self.request).into_response());
            }
        }
        self
    }

    /// The answer: 404 if no route was the request's, 405 if only the method was not.
    pub fn answer(self) -> Response {
        let problem = if self.known {
            Problem::new(405, "method_not_allowed", "this route has no such method")
        } else {
            Problem::not_found("the app has no such route")
        };
        self.answer.unwrap_or_else(|| problem.into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::request;

    fn answer(method: &str, route: &str) -> Response {
        Router::of(&request(method, route, &[]))
            .get("/a", |_| Response::text("read"))
            .post("/a", |_| Problem::conflict("no"))
            .answer()
    }

    #[test]
    fn a_request_meets_the_handler_of_its_route_and_method() {
        assert_eq!(answer("GET", "/a").body, b"read");
        assert_eq!(answer("HEAD", "/a").body, b"read");
        assert_eq!(answer("POST", "/a").status, 409);
    }

    #[test]
    fn an_unknown_method_is_told_from_an_unknown_route() {
        assert_eq!(answer("PUT", "/a").status, 405);
        assert_eq!(answer("GET", "/b").status, 404);
    }
}
