//! The address of a replica: `https://host:port`, nothing else. Without a port it is 443.

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::ServerName;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The address of one replica. Its text is `https://host:port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaUrl {
    host: String,
    port: u16,
}

/// The text is not an address of a replica. The caller is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form `https://host:port`")]
pub struct UrlError(pub String);

impl ReplicaUrl {
    /// The host, as a name or an address; an IPv6 address stands without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, with brackets round an IPv6 address: what HTTP calls the authority.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The name for TLS.
    pub(crate) fn server_name(&self) -> ServerName<'static> {
        ServerName::try_from(self.host.clone())
            .expect("the host was checked when the address was read")
    }

    /// The address in an absolute reference such as a `Location`, whose path is dropped.
    pub(crate) fn of_location(location: &str) -> Result<Self, UrlError> {
        let rest = location
            .strip_prefix("https://")
            .ok_or_else(|| UrlError(location.to_owned()))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        format!("https://{}", &rest[..end]).parse()
    }
}

impl FromStr for ReplicaUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let error = || UrlError(text.to_owned());
        let rest = text.strip_prefix("https://").ok_or_else(error)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| error())?)
            }
            _ => (rest, 443),
        };
        let host = match host.strip_prefix('[') {
            Some(inner) => inner
                .strip_suffix(']')
                .filter(|h| h.contains(':'))
                .ok_or_else(error)?,
            None if host.contains(':') => return Err(error()),
            None => host,
        };
        ServerName::try_from(host).map_err(|_| error())?;
        if port == 0 {
            return Err(error());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for ReplicaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

impl Serialize for ReplicaUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReplicaUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_their_text() {
        for text in [
            "https://localhost:8001",
            "https://127.0.0.1:1",
            "https://[::1]:8443",
            "https://a.b.example:9",
        ] {
            let url: ReplicaUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), text);
        }
        let url: ReplicaUrl = "https://[::1]".parse().unwrap();
        assert_eq!((url.host(), url.port()), ("::1", 443));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "http://localhost:8001",
            "https://localhost:0",
            "https://localhost:65536",
            "https://:80",
            "https://::1:80",
            "https://[localhost]:80",
            "https://user@host:80",
            "https://host:80/path",
        ] {
            assert!(text.parse::<ReplicaUrl>().is_err(), "{text} was read");
        }
    }

    #[test]
    fn location_loses_its_path() {
        let url = ReplicaUrl::of_location("https://127.0.0.1:8002/v1/kv/a/b?wait=none").unwrap();
        assert_eq!(url.to_string(), "https://127.0.0.1:8002");
        assert!(ReplicaUrl::of_location("/v1/kv/a/b").is_err());
    }
}
