//! The certificate with the process's evidence in it, which the public door shows to those that
//! ask.
//!
//! It is made when the process begins to serve, and anew whenever newer evidence stands on the
//! ledger. A handshake costs no quote.

use std::sync::Arc;

use synod_attestation::Credential;
use synod_channel::{Certificate, CertificateError, KeyMismatch, PublicDoor, TlsKey};
use synod_governance::AttestedStatement;

use crate::clock::now_ms;
use crate::evidence::Evidence;
use crate::log;

/// Those who look at the evidence look at nothing else in the certificate.
const LIFETIME_MS: u64 = 365 * 24 * 3600 * 1000;

/// Why the door shows no evidence. Our fault.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    /// It cannot be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It is not of the door's key.
    #[error(transparent)]
    Key(#[from] KeyMismatch),
}

/// Makes the certificate for one door.
pub struct EvidenceCertificate {
    shown: Arc<PublicDoor>,
    tls: TlsKey,
}

impl EvidenceCertificate {
    /// For the door `shown`, whose key is `tls`.
    pub fn new(shown: Arc<PublicDoor>, tls: TlsKey) -> Self {
        Self { shown, tls }
    }

    /// Shows the evidence of now from the next connection on, and each that takes its place.
    pub fn follow(self, mut evidence: Evidence) {
        self.show(&evidence.borrow_and_update().attested);
        tokio::spawn(async move {
            while evidence.changed().await.is_ok() {
                let newest = evidence.borrow_and_update().clone();
                self.show(&newest.attested);
            }
        });
    }

    /// Where it cannot, because the evidence is too long for a certificate, clients get it from
    /// `/v1/attestation` alone.
    fn show(&self, attested: &AttestedStatement) {
        if let Err(error) = self.try_to_show(attested) {
            log::warn("node", format_args!("no evidence in TLS: {error}"));
        }
    }

    fn try_to_show(&self, attested: &AttestedStatement) -> Result<(), ShowError> {
        let credential = Credential {
            statement: attested.statement.clone(),
            evidence: attested.evidence.clone(),
            endorsements: Some(attested.endorsements.clone()),
        };
        let from_ms = now_ms();
        let until_ms = from_ms.saturating_add(LIFETIME_MS);
        let certificate =
            Certificate::attested(&self.tls, "synod replica", from_ms, until_ms, &credential)?;
        Ok(self.shown.show_evidence(&certificate)?)
    }
}
