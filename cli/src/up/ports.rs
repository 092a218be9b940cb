//! The ports of the replicas of a tour.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use synod_client::ReplicaUrl;

use crate::outcome::{Failure, Outcome};

/// How far the ports between replicas lie above those for users.
const PEER_OFFSET: u16 = 50;

/// Gives each replica of a tour its ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    base: u16,
}

impl Ports {
    pub(crate) fn new(base: u16) -> Self {
        Self { base }
    }

    /// Where replica `number` listens for users.
    pub(crate) fn public(self, number: u8) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.base + u16::from(number)))
    }

    /// Where it listens for other replicas.
    pub(crate) fn peer(self, number: u8) -> SocketAddr {
        SocketAddr::from((
            Ipv4Addr::LOCALHOST,
            self.base + PEER_OFFSET + u16::from(number),
        ))
    }

    /// What users are told.
    pub(crate) fn url(self, number: u8) -> ReplicaUrl {
        format!("https://{}", self.public(number))
            .parse()
            .expect("a loopback address is a proper one")
    }

    /// Whether the ports of replicas 1 to `last` are free.
    pub(crate) fn check_free(self, last: u8) -> Outcome {
        let all = (1..=last).flat_map(|number| [self.public(number), self.peer(number)]);
        for address in all {
            // Bound and released at once: whether it is free, not whether it stays so.
            TcpListener::bind(address).map_err(|error| {
                Failure::mistake(format!("cannot listen on {address}: {error}"))
                    .with_hint("choose other ports with `--port-base P`")
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_in_use_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let failure = Ports::new(port - 1).check_free(1).unwrap_err();
        assert!(failure.message.contains(&port.to_string()), "{failure}");
        assert!(failure.hint.unwrap().contains("--port-base"));
    }
}
