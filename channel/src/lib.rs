//! `channel`: everything that TLS between replicas, to clients and to users
//! needs, but no socket.
//!
//! It makes keys and certificates, and `rustls` configurations for the four
//! kinds of connection; others move the bytes:
//!
//! | connection | who proves what |
//! |---|---|
//! | public door ([`PublicDoor`]) | the server shows a certificate of the service; a client may show a self-signed one |
//! | peer door ([`peer_server_config`], [`peer_client_config`]) | both show a key that the [`PeerTable`] holds |
//! | client ([`client_config`]) | the server holds the pinned service key, or exactly the attested key, or shows evidence for its key ([`Appraiser`]) |
//! | observer ([`dangerous_observe_config`]) | nothing: it only learns which key to ask evidence for |
//!
//! Invariants of every configuration:
//! - TLS 1.3 only, the hybrid X25519MLKEM768 first (between replicas: alone);
//! - the handshake's signature is always verified, also where a certificate
//!   is accepted for its key alone;
//! - no session is resumed, so a key that lost its trust is refused at the
//!   next connection.
//!
//! A TLS key alone is not the last word: between replicas, and to clients that
//! verify, the attested identity key signs the session itself
//! ([`SessionClaim`]) before anything else is said.

mod appraiser;
mod certificate;
mod clock;
mod door;
mod frame;
mod identity;
mod key;
mod lane;
mod observe;
mod peer_door;
mod peer_table;
mod service_ca;
mod session;
mod spki;
mod suite;
mod trust;

pub use crate::{
    appraiser::{ATTESTED_PROTOCOL, Appraiser, EvidenceRefused},
    certificate::{Certificate, CertificateError, LIFETIME_MAX_MS},
    clock::Clock,
    door::{KeyMismatch, PublicDoor, caller_fingerprint},
    frame::{FRAME_MAX, FrameError, Framer, OVERHEAD_MAX, PeerFrame},
    identity::{Identity, IdentityError, KeyFiles},
    key::{MalformedKey, TlsKey},
    lane::{FrameRefused, PeerReceiver, PeerSender},
    observe::{dangerous_observe_config, server_spki},
    peer_door::{
        PEER_PROTOCOL, PeerRefused, peer_client_config, peer_of, peer_server_config,
        peer_server_name,
    },
    peer_table::{DuplicateKey, PeerKeys, PeerTable},
    service_ca::ServiceCa,
    session::{
        End, NoSession, Party, ProvenSession, SESSION_PROOF_BYTES_MAX, Session, SessionBinding,
        SessionClaim, SessionProof, SessionRefused,
    },
    spki::{MalformedCertificate, Spki},
    suite::HTTP_PROTOCOLS,
    trust::{ServerTrust, TrustError, client_config},
};
