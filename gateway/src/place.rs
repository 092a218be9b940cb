//! Where a path leads: to a place of one domain, found by plain comparison, without a table in
//! memory.

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use hyper::body::Body;

use crate::body::Bounds;
use crate::parameters::parameters;
use crate::port::Call;
use crate::refusal::Refused;
use crate::{app, governance, kv, ledger, network};

/// A place of the interface, with the parts of the path that are parameters, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    Kv(kv::Place<'a>),
    App(app::Place<'a>),
    Ledger(ledger::Place<'a>),
    Governance(governance::Place),
    Network(network::Place),
    /// What the gateway itself has, which is of no domain.
    Own(Own),
}

/// What the gateway answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// The page that says what this is.
    Home,
    /// The description of the interface.
    OpenApi,
}

/// What a request asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Something that the replica answers.
    Call(Call),
    /// Something that the gateway has.
    Own(Own),
}

impl<'a> Place<'a> {
    /// The place of a path, if there is one.
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        let own = || match path {
            "/" => Some(Self::Own(Own::Home)),
            "/v1/openapi.json" => Some(Self::Own(Own::OpenApi)),
            _ => None,
        };
        kv::Place::find(path)
            .map(Self::Kv)
            .or_else(|| app::Place::find(path).map(Self::App))
            .or_else(|| ledger::Place::find(path).map(Self::Ledger))
            .or_else(|| governance::Place::find(path).map(Self::Governance))
            .or_else(|| network::Place::find(path).map(Self::Network))
            .or_else(own)
    }

    /// The methods of this place, as the header `Allow` lists them.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Kv(place) => place.allow(),
            Self::App(place) => place.allow(),
            Self::Governance(place) => place.allow(),
            Self::Ledger(_) | Self::Network(_) | Self::Own(_) => "GET, HEAD",
        }
    }

    /// Whether this place takes the method.
    pub(crate) fn takes(self, method: &Method) -> bool {
        self.allow()
            .split(", ")
            .any(|allowed| allowed == method.as_str())
    }

    /// Whether only connections with a client certificate are let through.
    pub(crate) fn needs_certificate(self) -> bool {
        match self {
            Self::Kv(place) => place.needs_certificate(),
            Self::App(place) => place.needs_certificate(),
            Self::Ledger(place) => place.needs_certificate(),
            Self::Governance(_) | Self::Network(_) | Self::Own(_) => false,
        }
    }

    /// Reads a request without a body.
    pub(crate) fn read(self, parts: &Parts) -> Result<Asked, Refused> {
        Ok(Asked::Call(match self {
            Self::Kv(place) => Call::Kv(place.read(parts)?),
            Self::App(place) => Call::App(place.read(parts)?),
            Self::Ledger(place) => Call::Ledger(place.read(parts)?),
            Self::Governance(place) => Call::Governance(place.read(parts)?),
            Self::Network(place) => Call::Network(place.read(parts)?),
            Self::Own(own) => {
                parameters(parts, &[])?;
                return Ok(Asked::Own(own));
            }
        }))
    }

    /// Reads a request with a body: `PUT` and `POST`.
    pub(crate) async fn read_with_body<B>(
        self,
        parts: &Parts,
        body: B,
        bounds: Bounds<'_>,
    ) -> Result<Call, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        Ok(match self {
            Self::Kv(place) => Call::Kv(place.read_with_body(parts, body, bounds).await?),
            Self::App(place) => Call::App(place.read_with_body(parts, body, bounds).await?),
            Self::Governance(place) => {
                Call::Governance(place.read_with_body(parts, body, bounds).await?)
            }
            other => unreachable!("{other:?} takes no body"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_places() {
        assert_eq!(
            Place::find("/v1/kv/a/b%2Fc"),
            Some(Place::Kv(kv::Place::Key {
                map: "a",
                key: "b%2Fc"
            }))
        );
        assert_eq!(
            Place::find("/v1/kv/a"),
            Some(Place::Kv(kv::Place::Map { map: "a" }))
        );
        assert_eq!(Place::find("/v1/kv/txn"), Some(Place::Kv(kv::Place::Txn)));
        assert_eq!(
            Place::find("/v1/kv/txn/k"),
            Some(Place::Kv(kv::Place::Key {
                map: "txn",
                key: "k"
            }))
        );
        assert_eq!(
            Place::find("/v1/tx/2.17"),
            Some(Place::Ledger(ledger::Place::Transaction { id: "2.17" }))
        );
    }

    #[test]
    fn what_follows_an_app_is_left_as_it_is() {
        for (path, name, rest) in [
            ("/app/a", "a", ""),
            ("/app/a/", "a", "/"),
            ("/app/a/x/../y", "a", "/x/../y"),
            ("/app/a//%2e%2e/%2F", "a", "//%2e%2e/%2F"),
            ("/app/A%20/x", "A%20", "/x"),
        ] {
            let found = Place::find(path);
            assert_eq!(
                found,
                Some(Place::App(app::Place::Below { name, path: rest })),
                "{path}"
            );
        }
        let chunk = Place::App(app::Place::Chunk {
            name: "a",
            number: "1",
            index: "0",
        });
        assert_eq!(Place::find("/v1/apps/a/component/1/0"), Some(chunk));
        assert_eq!(
            Place::find("/v1/apps/a"),
            Some(Place::App(app::Place::Describe { name: "a" }))
        );
    }

    #[test]
    fn paths_that_are_nearly_right_lead_nowhere() {
        for path in [
            "",
            "*",
            "/v1",
            "/v1/kv",
            "/v1/kv/",
            "/v1/kv/a/",
            "/v1/kv/a/b/c",
            "/v1/tx/",
            "/v1/tx/1.2/",
            "/v1/receipts/",
            "/V1/network",
            "/v1/network/",
            "//v1/network",
            "/v2/network",
            "/v1/join/",
            "/livez/x",
            "/app",
            "/app/",
            "/app//x",
            "/APP/a/x",
            "/v1/apps/",
            "/v1/apps//component",
            "/v1/apps/a/",
            "/v1/apps/a/component/1",
            "/v1/apps/a/component/1/0/",
            "/v1/apps/a/component/",
            "/v1/apps/a/log",
            "/v1/watch/",
        ] {
            assert_eq!(Place::find(path), None, "{path}");
        }
    }

    #[test]
    fn table_of_the_interface_and_places_agree() {
        for route in synod_api::routes() {
            let path = route
                .path
                .replace("{map}", "m")
                .replace("{key}", "k")
                .replace("{id}", "1.1")
                .replace("{name}", "a")
                .replace("{path}", "p")
                .replace("{number}", "1")
                .replace("{index}", "0");
            let place = Place::find(&path).unwrap_or_else(|| panic!("{path} leads nowhere"));
            let method = route.method.parse().expect("the table has known methods");
            assert!(place.takes(&method), "{} {path} is not taken", route.method);
            let certificate = route.access == synod_api::Access::Certificate;
            assert_eq!(place.needs_certificate(), certificate, "{path}");
        }
    }
}
