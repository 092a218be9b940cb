//! Whether a TLS session ends where the identity key lives: asked for on each connection to a
//! verified replica, before anything of the caller's is sent over it.
//!
//! A pinned TLS key is not enough: it may have leaked without the TEE that it was born in. The
//! identity key signs this very session, so whoever stands between has nothing to show.

use std::time::Duration;

use synod_api::{SessionProof, SessionReply};
use synod_channel::{End, Party, Session, SessionBinding, SessionClaim, SessionRefused};
use synod_crypto::{Digest, PublicKey, Signature};

use crate::checks::{Checks, Failure};
use crate::connection::Connection;
use crate::error::ClientError;
use crate::request::{Request, expect_ok};
use crate::url::ReplicaUrl;

/// What was asked for, and by whom.
pub(crate) struct Asked {
    /// The network id; of a founder that waits, the manifest's digest.
    pub(crate) context: Digest,
    /// The fingerprint of the key in the caller's certificate, if it showed one.
    pub(crate) caller: Option<Digest>,
    /// The caller's nonce.
    pub(crate) nonce: [u8; 32],
}

impl Asked {
    /// Checks that the holder of `identity` signed this session, as this end knows it.
    pub(crate) fn check(
        &self,
        identity: &PublicKey,
        session: &Session,
        proof: Option<&SessionProof>,
    ) -> Result<(), Failure> {
        let proof = proof.ok_or(Failure::NoSessionProof)?;
        if SessionBinding::from_name(&proof.binding) != Some(session.binding()) {
            return Err(SessionRefused::UnknownBinding.into());
        }
        let signature =
            Signature::try_from(&proof.signature.0[..]).map_err(|_| SessionRefused::Malformed)?;
        let claim = SessionClaim {
            network: self.context,
            end: End::Acceptor,
            from: Party::Key(identity.digest()),
            to: self.caller.map_or(Party::Anybody, Party::Key),
            nonce: Some(self.nonce),
        };
        claim.verify_signature(identity, session, &signature)?;
        Ok(())
    }
}

/// Has the replica with `identity` prove that `connection` ends at it.
pub(crate) async fn prove(
    connection: &Connection,
    identity: &PublicKey,
    asked: &Asked,
    timeout: Duration,
) -> Result<(), ClientError> {
    let nonce = hex::encode(asked.nonce);
    let request = Request::get(format!("/v1/session?nonce={nonce}"));
    let response = expect_ok(connection.exchange(&request, timeout).await?)?;
    let reply: SessionReply = response.json()?;
    asked
        .check(identity, connection.session(), reply.session.as_ref())
        .map_err(|failure| not_verified(connection.url(), "session", failure))
}

/// The error of one check that failed.
pub(crate) fn not_verified(url: &ReplicaUrl, check: &'static str, failure: Failure) -> ClientError {
    ClientError::NotVerified {
        url: url.clone(),
        why: Box::new(Checks::default().fail(check, failure)),
    }
}
