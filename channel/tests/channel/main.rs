//! Promises of the channels between clients and replicas.

mod certificates;
mod client_trust;
mod envelopes;
mod evidence_certificate;
mod peer_door;
mod public_door;
mod session_proof;
mod wire;
