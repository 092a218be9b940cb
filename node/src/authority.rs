//! The certificate that the public door shows: of the service's authority, for a day at most, and
//! issued anew in time.
//!
//! The clock is the host's; nothing that confidentiality or a receipt rests on is decided by these
//! dates.

use std::sync::Arc;
use std::time::Duration;

use synod_channel::{
    Certificate, CertificateError, KeyMismatch, LIFETIME_MAX_MS, PublicDoor, ServiceCa, Spki,
};

use crate::config::ServiceUrl;
use synod_identity::{log, now_ms};

/// Clients' clocks may be this much behind.
const SKEW_MS: u64 = 3600 * 1000;
/// How often it is looked whether a certificate is due.
const LOOK: Duration = Duration::from_mins(1);

/// Why the door shows no certificate of the authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// None can be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It is not of the door's key.
    #[error(transparent)]
    Key(#[from] KeyMismatch),
}

/// Issues certificates for one door.
pub(crate) struct Issuer {
    authority: ServiceCa,
    shown: Arc<PublicDoor>,
    subject: Spki,
    names: Vec<String>,
}

impl Issuer {
    /// For the door `shown`, whose key is `subject`, under the host name of `url`.
    pub(crate) fn new(
        authority: ServiceCa,
        shown: Arc<PublicDoor>,
        subject: Spki,
        url: &ServiceUrl,
    ) -> Self {
        Self {
            authority,
            shown,
            subject,
            names: names(url),
        }
    }

    /// Shows a fresh certificate from the next connection on; says when the one after is due (Unix
    /// milliseconds).
    pub(crate) fn issue(&self) -> Result<u64, AuthorityError> {
        let from_ms = now_ms().saturating_sub(SKEW_MS);
        let until_ms = from_ms.saturating_add(LIFETIME_MAX_MS);
        let certificate: Certificate =
            self.authority
                .issue(&self.subject, &self.names, from_ms, until_ms)?;
        self.shown.show(&certificate)?;
        Ok(certificate.reissue_at_ms())
    }

    /// Keeps the certificate fresh. A clock that was set back, past the day that the certificate is
    /// good for, makes it due as well.
    pub(crate) async fn keep_fresh(self, mut due_ms: u64) {
        loop {
            tokio::time::sleep(LOOK).await;
            let now = now_ms();
            if now < due_ms && due_ms - now < LIFETIME_MAX_MS {
                continue;
            }
            match self.issue() {
                Ok(next_ms) => due_ms = next_ms,
                Err(error) => log::warn("node", format_args!("no new certificate: {error}")),
            }
        }
    }
}

/// The names that ordinary clients may call a replica by.
fn names(url: &ServiceUrl) -> Vec<String> {
    let mut names = vec![url.host().to_owned()];
    if url.host() == "127.0.0.1" {
        names.push("localhost".to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use synod_channel::{Clock, TlsKey};
    use synod_crypto::{Digest, Secret};

    use super::*;

    #[test]
    fn certificate_lives_for_a_day_at_most_and_is_due_before_it_ends() {
        let key = TlsKey::from_seed(&Secret::new([1; 32]));
        let now = now_ms();
        let own = Certificate::self_signed(&key, "test", now, now + 1000).unwrap();
        let shown = Arc::new(PublicDoor::new(&key, &own, &Clock::system()).unwrap());
        let authority = ServiceCa::new(&Secret::new([2; 32]), Digest::ZERO, 0).unwrap();
        let url = ServiceUrl::parse("https://127.0.0.1:8001").unwrap();
        let issuer = Issuer::new(authority, shown, key.spki().clone(), &url);
        let due = issuer.issue().unwrap();
        assert!(due > now && due < now + LIFETIME_MAX_MS - SKEW_MS);
    }

    #[test]
    fn replica_on_loopback_answers_to_localhost_too() {
        let names_of = |url| names(&ServiceUrl::parse(url).unwrap());
        assert_eq!(names_of("https://127.0.0.1:1"), ["127.0.0.1", "localhost"]);
        assert_eq!(names_of("https://[::1]:1"), ["::1"]);
        assert_eq!(names_of("https://a.example"), ["a.example"]);
    }
}
