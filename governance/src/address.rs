//! Where a replica can be reached. This is only a hint: no trust follows from it.

use minicbor::{Decode, Encode};

/// Longest part of an address, in bytes.
pub const ADDRESS_LENGTH_MAX: usize = 256;

/// Where a replica serves clients and its peers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Address {
    /// The base URL for clients: `https://host:port`.
    #[n(0)]
    pub public_url: String,
    /// `host:port` for other replicas.
    #[n(1)]
    pub peer: String,
}

/// The text is not an address; its author is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Not `https://` and printable ASCII, at most 256 bytes.
    #[error("public URL must begin with `https://` and be short printable ASCII")]
    PublicUrl,
    /// Not `host:port` in printable ASCII, at most 256 bytes.
    #[error("peer address must be `host:port` in short printable ASCII")]
    Peer,
}

impl Address {
    /// Checks the shape of both parts.
    pub fn check(&self) -> Result<(), BadAddress> {
        if !self.public_url.starts_with("https://") || !is_short_text(&self.public_url) {
            return Err(BadAddress::PublicUrl);
        }
        let port = self
            .peer
            .rsplit_once(':')
            .map(|(host, port)| (host, port.parse::<u16>()));
        match port {
            Some((host, Ok(_))) if !host.is_empty() && is_short_text(&self.peer) => Ok(()),
            _ => Err(BadAddress::Peer),
        }
    }
}

fn is_short_text(text: &str) -> bool {
    text.len() <= ADDRESS_LENGTH_MAX && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(public_url: &str, peer: &str) -> Result<(), BadAddress> {
        Address {
            public_url: public_url.to_owned(),
            peer: peer.to_owned(),
        }
        .check()
    }

    #[test]
    fn addresses_are_short_printable_and_of_their_shape() {
        assert_eq!(check("https://a:1", "127.0.0.1:80"), Ok(()));
        assert_eq!(check("https://a:1", "[::1]:80"), Ok(()));
        assert_eq!(check("http://a:1", "a:80"), Err(BadAddress::PublicUrl));
        assert_eq!(check("https://a\n", "a:80"), Err(BadAddress::PublicUrl));
        assert_eq!(
            check(&format!("https://{}", "a".repeat(250)), "a:80"),
            Err(BadAddress::PublicUrl)
        );
        for peer in ["", "a", ":80", "a:", "a:65536", "a b:80"] {
            assert_eq!(check("https://a:1", peer), Err(BadAddress::Peer), "{peer}");
        }
    }
}
