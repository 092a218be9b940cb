//! Who is at the other end, by the evidence in its certificate: RA-TLS.
//!
//! The certificate carries evidence that was made some time ago (a quote costs
//! milliseconds, and hardware limits how often), so the handshake proves which
//! key the TEE vouched for, and not yet that the session ends in the TEE: have
//! the other end prove that next ([`SessionClaim`](crate::session::SessionClaim)).
//!
//! Invariants:
//! - evidence counts for exactly the key that the certificate is of and that
//!   the handshake's signature proves;
//! - nothing else of the certificate means anything: not its name, dates or
//!   issuer;
//! - without evidence, or with evidence that the policy refuses, there is no
//!   connection.

use std::sync::Arc;

use rustls::{
    CertificateError, CommonState, Error, OtherError,
    client::danger::{ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use synod_attestation::{
    Credential, CredentialError, Endorsements, Expected, Freshness, Policy, Refusal, Role, Verdict,
};
use synod_crypto::Digest;

use crate::{
    spki::Spki,
    suite::{HandshakeSignatures, handshake_signature_methods, public_provider},
};

/// What a client offers (ALPN) in addition to HTTP's names to get the certificate
/// with the evidence; it is never agreed on. Evidence is long, and most clients
/// have no use for it.
pub const ATTESTED_PROTOCOL: &[u8] = b"synod-attested/1";

/// Judges the evidence in certificates. Copies share what they hold.
#[derive(Clone, Debug)]
pub struct Appraiser(Arc<Judge>);

#[derive(Debug)]
struct Judge {
    policy: Policy,
    role: Role,
    contexts: Vec<Digest>,
    endorsements: Vec<Endorsements>,
}

impl Appraiser {
    /// Believes nodes in `role` that `policy` accepts, whose statement names one
    /// of `contexts`: the network id, and for founders the genesis manifest's
    /// digest. No context, no trust.
    pub fn new(policy: Policy, role: Role, contexts: Vec<Digest>) -> Self {
        Self(Arc::new(Judge {
            policy,
            role,
            contexts,
            endorsements: Vec::new(),
        }))
    }

    /// The same with endorsements available, for certificates that carry none
    /// because they would be too long. They are believed as little as others.
    #[must_use]
    pub fn with_endorsements(&self, endorsements: Vec<Endorsements>) -> Self {
        Self(Arc::new(Judge {
            policy: self.0.policy.clone(),
            contexts: self.0.contexts.clone(),
            role: self.0.role,
            endorsements,
        }))
    }

    /// Judges the evidence in a certificate (DER) for the certificate's key, at
    /// `now_ms` (Unix milliseconds).
    ///
    /// # Errors
    /// [`EvidenceRefused`].
    pub fn appraise(&self, certificate: &[u8], now_ms: u64) -> Result<Verdict, EvidenceRefused> {
        let credential = Credential::from_certificate(certificate)?;
        let key =
            Spki::of_certificate(certificate).map_err(|_| EvidenceRefused::MalformedCertificate)?;
        if Spki::from_der(credential.statement.tls.clone()) != key {
            return Err(EvidenceRefused::AnotherKey);
        }
        self.judge(&credential, now_ms)
    }

    /// The verdict on the other end, once the handshake is done: on a server
    /// that was asked for its evidence, or on a client that showed its own,
    /// which the public door lets in like any other. It expires; whoever keeps
    /// the connection must look at its expiry.
    ///
    /// # Errors
    /// [`EvidenceRefused`].
    pub fn verdict(
        &self,
        connection: &CommonState,
        now_ms: u64,
    ) -> Result<Verdict, EvidenceRefused> {
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        self.appraise(shown.ok_or(EvidenceRefused::NoCertificate)?, now_ms)
    }

    fn judge(&self, credential: &Credential, now_ms: u64) -> Result<Verdict, EvidenceRefused> {
        let Judge {
            policy,
            role,
            contexts,
            endorsements,
        } = &*self.0;
        let context = contexts
            .iter()
            .find(|context| **context == credential.statement.context)
            .ok_or(EvidenceRefused::AnotherContext(
                credential.statement.context,
            ))?;
        let tee = credential.evidence.tee();
        let endorsements = credential
            .endorsements
            .as_ref()
            .or_else(|| endorsements.iter().find(|held| held.fits(tee)))
            .ok_or(EvidenceRefused::NoEndorsements)?;
        let expected = Expected {
            role: *role,
            context: *context,
            // The evidence may be as old as the policy lets it be; that its subject lives, the
            // session's proof says.
            freshness: Freshness::Elsewhere,
        };
        let evidence = &credential.evidence;
        policy
            .appraise(
                evidence,
                endorsements,
                &credential.statement,
                &expected,
                now_ms,
            )
            .map_err(|refusal| EvidenceRefused::Policy(Box::new(refusal)))
    }

    pub(crate) fn verifier(&self) -> Arc<EvidenceVerifier> {
        Arc::new(EvidenceVerifier {
            appraiser: self.clone(),
            signatures: HandshakeSignatures::new(&public_provider()),
        })
    }
}

/// Why the evidence in a certificate is not trusted. The other end is at
/// fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceRefused {
    /// No certificate was shown, or the handshake is not done.
    #[error("no certificate was presented")]
    NoCertificate,
    /// TLS does not accept the certificate that was presented.
    #[error("certificate is malformed")]
    MalformedCertificate,
    /// The certificate carries no evidence that can be read.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The evidence is for another TLS key than the certificate's.
    #[error("evidence is for a different key than the certificate")]
    AnotherKey,
    /// The statement is made for another network.
    #[error("evidence is for a different network: {0}")]
    AnotherContext(Digest),
    /// The certificate carries no endorsements, and none are available.
    #[error("there are no endorsements for verifying the evidence")]
    NoEndorsements,
    /// The policy refuses.
    #[error(transparent)]
    Policy(Box<Refusal>),
}

/// Lets a handshake go on only with evidence that the appraiser accepts.
#[derive(Debug)]
pub(crate) struct EvidenceVerifier {
    appraiser: Appraiser,
    signatures: HandshakeSignatures,
}

impl EvidenceVerifier {
    fn check(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        let now_ms = now.as_secs().saturating_mul(1000);
        match self.appraiser.appraise(certificate, now_ms) {
            Ok(_) => Ok(()),
            Err(refused) => Err(CertificateError::Other(OtherError(Arc::new(refused))).into()),
        }
    }
}

impl ServerCertVerifier for EvidenceVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(certificate, now)
            .map(|()| ServerCertVerified::assertion())
    }

    handshake_signature_methods!();
}
