//! Where a path leads: found by plain comparison, without a table in memory.

use http::Method;

/// A place of the interface, with the parts of the path that are parameters, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    Key {
        map: &'a str,
        key: &'a str,
    },
    Map {
        map: &'a str,
    },
    Txn,
    Transaction {
        id: &'a str,
    },
    Receipt {
        id: &'a str,
    },
    Chain,
    Attestation,
    Session,
    Network,
    Governance,
    Actions,
    Join,
    JoinKeys,
    Ledger,
    Bootstrap,
    Live,
    Ready,
    Metrics,
    OpenApi,
    /// Below an app: `path` is all that follows the name, empty or from `/` on.
    App {
        name: &'a str,
        path: &'a str,
    },
    Apps,
    AppInfo {
        name: &'a str,
    },
    AppComponent {
        name: &'a str,
    },
    AppChunk {
        name: &'a str,
        number: &'a str,
        index: &'a str,
    },
    AppDescription {
        name: &'a str,
    },
    AppLogs {
        name: &'a str,
    },
    Watch,
}

impl<'a> Place<'a> {
    /// The place of a path, if there is one.
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("/v1/kv/") {
            return Self::in_maps(rest);
        }
        if let Some(rest) = path.strip_prefix("/app/") {
            return Self::below_app(rest);
        }
        if let Some(rest) = path.strip_prefix("/v1/apps/") {
            return Self::of_app(rest);
        }
        if let Some(id) = path.strip_prefix("/v1/tx/") {
            return one_segment(id).map(|id| Self::Transaction { id });
        }
        if let Some(id) = path.strip_prefix("/v1/receipts/") {
            return one_segment(id).map(|id| Self::Receipt { id });
        }
        Some(match path {
            "/v1/chain" => Self::Chain,
            "/v1/attestation" => Self::Attestation,
            "/v1/session" => Self::Session,
            "/v1/network" => Self::Network,
            "/v1/governance" => Self::Governance,
            "/v1/governance/actions" => Self::Actions,
            "/v1/join" => Self::Join,
            "/v1/join/keys" => Self::JoinKeys,
            "/v1/ledger" => Self::Ledger,
            "/v1/bootstrap" => Self::Bootstrap,
            "/livez" => Self::Live,
            "/readyz" => Self::Ready,
            "/metrics" => Self::Metrics,
            "/v1/openapi.json" => Self::OpenApi,
            "/v1/apps" => Self::Apps,
            "/v1/watch" => Self::Watch,
            _ => return None,
        })
    }

    /// What follows the app's name is the app's, whatever it is: nothing of it is decoded or mended here.
    fn below_app(rest: &'a str) -> Option<Self> {
        let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        (!name.is_empty()).then_some(Self::App { name, path })
    }

    fn of_app(rest: &'a str) -> Option<Self> {
        let mut parts = rest.split('/');
        let name = parts.next().filter(|name| !name.is_empty())?;
        let place = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (None, ..) => Self::AppInfo { name },
            (Some("component"), None, ..) => Self::AppComponent { name },
            (Some("component"), Some(number), Some(index), None) => Self::AppChunk {
                name,
                number,
                index,
            },
            (Some("openapi.json"), None, ..) => Self::AppDescription { name },
            (Some("logs"), None, ..) => Self::AppLogs { name },
            _ => return None,
        };
        Some(place)
    }

    fn in_maps(rest: &'a str) -> Option<Self> {
        match rest.split_once('/') {
            Some((map, key)) => one_segment(key).map(|key| Self::Key { map, key }),
            None if rest.is_empty() => None,
            None => Some(if rest == "txn" {
                Self::Txn
            } else {
                Self::Map { map: rest }
            }),
        }
    }

    /// The methods of this place, as the header `Allow` lists them.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Key { .. } => "GET, PUT, DELETE",
            Self::Txn => "GET, POST",
            Self::Actions | Self::Join | Self::JoinKeys | Self::Bootstrap => "POST",
            Self::App { .. } => "GET, HEAD, POST, PUT, PATCH, DELETE",
            Self::AppChunk { .. } => "PUT",
            _ => "GET",
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
        matches!(
            self,
            Self::Key { .. }
                | Self::Map { .. }
                | Self::Txn
                | Self::Receipt { .. }
                | Self::AppChunk { .. }
                | Self::AppLogs { .. }
        )
    }
}

fn one_segment(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains('/')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_places() {
        assert_eq!(
            Place::find("/v1/kv/a/b%2Fc"),
            Some(Place::Key {
                map: "a",
                key: "b%2Fc"
            })
        );
        assert_eq!(Place::find("/v1/kv/a"), Some(Place::Map { map: "a" }));
        assert_eq!(Place::find("/v1/kv/txn"), Some(Place::Txn));
        assert_eq!(
            Place::find("/v1/kv/txn/k"),
            Some(Place::Key {
                map: "txn",
                key: "k"
            })
        );
        assert_eq!(
            Place::find("/v1/tx/2.17"),
            Some(Place::Transaction { id: "2.17" })
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
            assert_eq!(found, Some(Place::App { name, path: rest }), "{path}");
        }
        let chunk = Place::AppChunk {
            name: "a",
            number: "1",
            index: "0",
        };
        assert_eq!(Place::find("/v1/apps/a/component/1/0"), Some(chunk));
        assert_eq!(
            Place::find("/v1/apps/a"),
            Some(Place::AppInfo { name: "a" })
        );
    }

    #[test]
    fn paths_that_are_nearly_right_lead_nowhere() {
        for path in [
            "",
            "/",
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
        for route in synod_api::ROUTES {
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
