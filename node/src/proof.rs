//! Proof of what a node is, for whoever asks: its evidence, a fresh signature, and one over the TLS
//! session.

use synod_api::{AttestationReply, Base64, SessionReply, freshness_message};
use synod_channel::{End, Party, Session, SessionClaim};
use synod_crypto::{Digest, SigningKey};
use synod_gateway::Caller;
use synod_governance::AttestedStatement;

/// Who asks for proof, and of what.
pub(crate) struct Asked {
    /// The network id, or the manifest's digest.
    pub(crate) context: Digest,
    pub(crate) caller: Caller,
    pub(crate) nonce: [u8; 32],
}

impl Asked {
    /// Proof that the caller's TLS session ends at this identity key.
    fn proof(&self, identity: &SigningKey) -> Option<synod_api::SessionProof> {
        let session = Session::from_exporter(self.caller.session?);
        let to = |fingerprint| Party::Key(Digest::from(fingerprint));
        let claim = SessionClaim {
            network: self.context,
            end: End::Acceptor,
            from: Party::Key(identity.public().digest()),
            to: self.caller.fingerprint.map_or(Party::Anybody, to),
            nonce: Some(self.nonce),
        };
        let proof = claim.prove(identity, &session);
        Some(synod_api::SessionProof {
            binding: proof.binding,
            signature: base64(proof.signature.as_bytes().to_vec()),
        })
    }
}

/// Proof of where the caller's TLS session ends.
pub(crate) fn session(identity: &SigningKey, asked: &Asked) -> SessionReply {
    SessionReply {
        context: asked.context.to_string(),
        session: asked.proof(identity),
    }
}

/// Evidence, and a fresh signature.
pub(crate) fn attestation(
    attested: &AttestedStatement,
    identity: &SigningKey,
    asked: &Asked,
    collected_ms: u64,
) -> AttestationReply {
    let message = freshness_message(asked.context.as_bytes(), &asked.nonce);
    let signature = identity.sign(&message);
    AttestationReply {
        context: asked.context.to_string(),
        statement: base64(attested.statement.encode()),
        evidence: base64(attested.evidence.encode()),
        endorsements: base64(attested.endorsements.encode()),
        nonce: Digest::from(asked.nonce).to_string(),
        signature: base64(signature.as_bytes().to_vec()),
        session: asked.proof(identity),
        collected_ms,
        membership: None,
        configuration: None,
        certified: None,
    }
}

fn base64(bytes: Vec<u8>) -> Base64 {
    Base64(bytes.into())
}
